import type { Work } from '../../tda/pacer.js';
import { closedClass } from './closed-class.js';
import { communicatingClasses } from './communicating-classes.js';
import { dwellsOf } from './dwells.js';
import { conditionalEntropy, orderInformation } from './entropy-rate.js';
import { type NoiseRule, statesOf } from './noise.js';
import { orderP } from './order-null.js';
import { LAGS } from './relaxation.js';
import { type ClusterSymbol, type CodedRuns, codeRuns, type SymbolRun } from './symbol-runs.js';
import type {
  NetworkSymbols,
  RunSymbols,
  SymbolClass,
  SymbolEntropy,
  Transition,
} from './symbol-statistics.js';
import { countTransitions, type TransitionCounts } from './transition-counts.js';
import { probabilityRows } from './transition-matrix.js';
import { transitShare } from './transit.js';

/** The statistics of the runs of one network, and of each run in the order of `runs`. */
export function* networkSymbols(
  network: string,
  runs: readonly SymbolRun[],
  rule: NoiseRule,
  draws: number,
): Work<{ ofNetwork: NetworkSymbols; ofRuns: RunSymbols[] }> {
  const coded = codeRuns(runs);
  const noise = coded.alphabet.length;
  const states: ClusterSymbol[] = [...coded.alphabet];
  if (rule === 'keep' && coded.codes.some((codes) => codes.includes(noise))) states.push(null);
  const sequences: Uint32Array[] = [];
  const ofRuns: RunSymbols[] = [];
  for (const [place, run] of runs.entries()) {
    const sequence = statesOf(coded.codes[place]!, noise, rule);
    sequences.push(sequence);
    ofRuns.push(runSymbols(run, sequence, states));
    yield 50 * (run.symbols.length + 1);
  }
  const countsOfLag = LAGS.map((lag) => countTransitions(sequences, states.length, lag));
  const counts = countsOfLag[0]!;
  const classes = communicatingClasses(counts);
  const closedClasses: SymbolClass[] = [];
  for (const { states: members } of classes.filter(({ closed }) => closed)) {
    const { chain } = yield* closedClass(members, countsOfLag);
    closedClasses.push({ states: symbolsOf(members, states), chain });
  }
  const ofNetwork = {
    network,
    runCount: runs.length,
    stepCount: coded.codes.reduce((sum, { length }) => sum + length, 0),
    transitShare: transitShare(coded),
    states,
    transitions: transitionsOf(counts, states),
    rows: probabilityRows(counts).map((probabilities, state) => {
      const targets = counts.targets.subarray(counts.rowStarts[state], counts.rowStarts[state + 1]);
      return probabilities === null ? null : { to: symbolsOf(targets, states), probabilities };
    }),
    classes: classes.map(({ states: members }) => symbolsOf(members, states)),
    closedClasses,
    entropy: yield* symbolEntropy(coded, counts, rule, draws),
  };
  return { ofNetwork, ofRuns };
}

function runSymbols(
  { run, network, inCycle }: SymbolRun,
  sequence: Uint32Array,
  states: readonly ClusterSymbol[],
): RunSymbols {
  const dwells = dwellsOf(sequence, inCycle).map(({ state, length, censored }) => ({
    symbol: states[state]!,
    length,
    censored,
  }));
  return {
    run,
    network,
    dwells,
    transitions: transitionsOf(countTransitions([sequence], states.length), states),
  };
}

function* symbolEntropy(
  coded: CodedRuns,
  counts: TransitionCounts,
  rule: NoiseRule,
  draws: number,
): Work<SymbolEntropy | null> {
  const entropy = conditionalEntropy(counts);
  const information = orderInformation(counts);
  if (entropy === null || information === null) return null;
  return { ...entropy, information, informationP: yield* orderP(coded, counts.stateCount, rule, draws) };
}

function transitionsOf(counts: TransitionCounts, states: readonly ClusterSymbol[]): Transition[] {
  const transitions: Transition[] = [];
  for (let state = 0; state < counts.stateCount; state++) {
    for (let cell = counts.rowStarts[state]!; cell < counts.rowStarts[state + 1]!; cell++) {
      transitions.push({
        from: states[state]!,
        to: states[counts.targets[cell]!]!,
        count: counts.counts[cell]!,
      });
    }
  }
  return transitions;
}

function symbolsOf(numbers: Uint32Array, states: readonly ClusterSymbol[]): ClusterSymbol[] {
  return Array.from(numbers, (number) => states[number]!);
}
