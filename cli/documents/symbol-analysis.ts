import { ANALYSIS_REVISION } from '../../analysis/index.js';
import { type Chosen, leftOutText } from '../analysis/chosen-runs.js';
import type { AnalysedSymbols } from '../analysis/symbol-analysis.js';
import type { AdjustedTest } from '../analysis/test-family.js';
import { count, excerpt, plural, table } from '../terminal/format.js';
import { heading } from '../terminal/output.js';
import { horizonWarnings } from './horizon-warnings.js';
import { figure, testsText, testWarnings } from './run-analysis.js';

/** What `analyse symbols` found. */
export interface SymbolAnalysis extends AnalysedSymbols {
  readonly chosen: Chosen;
  readonly horizon: number;
  readonly tests: readonly AdjustedTest[];
}

type Network = AnalysedSymbols['statistics']['networks'][number];

/** The document of `--json`. Bigrams and dwells of single runs are in the tables of `--csv` only. */
export function symbolAnalysisDocument(analysis: SymbolAnalysis): object {
  const { chosen, horizon, networks, alphabet, heaviest, statistics, tests } = analysis;
  return {
    analysis: 'symbols',
    by: 'output',
    revision: ANALYSIS_REVISION,
    horizonInvocations: horizon,
    experiments: chosen.experiments.map(({ id, name }) => ({ experiment: id, name })),
    leftOut: chosen.leftOut,
    symbols: alphabet.steps.length,
    heaviest: heaviest.map((name) => ({ ...name, steps: alphabet.steps[name.symbol] })),
    networks: networks.map((sequences, place) => {
      const { network, modality, askedSteps, steps, cutBy, runs } = sequences;
      return {
        network,
        modality,
        askedSteps,
        steps,
        cutBy: cutBy === null ? null : { experiment: cutBy.experiment, run: cutBy.index },
        runs: runs.map(({ run, inCycle, storedSteps, outputsSha256 }) => ({
          experiment: run.experiment,
          run: run.index,
          inCycle,
          storedSteps,
          outputsSha256,
        })),
        ...statisticsDocument(statistics.networks[place]!),
        dwells: dwellFigures(analysis, network),
      };
    }),
    tests,
    warnings: symbolWarnings(analysis),
  };
}

function statisticsDocument({
  states,
  transitions,
  closedClasses,
  classes,
  entropy,
  stepCount,
}: Network): object {
  return {
    totalSteps: stepCount,
    states: states.length,
    usedCells: transitions.length,
    transitions: transitions.reduce((sum, { count }) => sum + count, 0),
    classes: classes.length,
    closedClasses: closedClasses.map(({ states: members, chain }) => ({
      states: members,
      chain:
        chain === null
          ? null
          : {
              stationary: [...chain.stationary],
              stationaryEntropy: chain.stationaryEntropy,
              entropyRate: chain.entropyRate,
              irreversibility: chain.irreversibility,
              relaxation: chain.relaxation,
            },
      reason: chain === null ? 'the class has more than 1,024 states' : null,
    })),
    entropy,
  };
}

/** Dwells of a network in steps. Those that the end of a run cut off count apart. */
function dwellFigures({ statistics }: SymbolAnalysis, network: string) {
  let whole = 0;
  let steps = 0;
  let longest = 0;
  let censored = 0;
  for (const run of statistics.runs) {
    if (run.network !== network) continue;
    for (const dwell of run.dwells) {
      longest = Math.max(longest, dwell.length);
      if (dwell.censored) censored++;
      else {
        whole++;
        steps += dwell.length;
      }
    }
  }
  return { whole, mean: whole === 0 ? null : steps / whole, longest, censored };
}

export function symbolWarnings({ networks, statistics, tests }: SymbolAnalysis): string[] {
  const warnings = networks.flatMap((sequences, place) => {
    const { network, runs } = sequences;
    const { closedClasses, entropy } = statistics.networks[place]!;
    return [
      ...horizonWarnings(network, sequences, runs),
      ...(entropy?.fewCounts === true
        ? [
            `${network}: fewer than 5 transitions to each used cell of the matrix on average; probabilities and entropies cannot be relied on.`,
          ]
        : []),
      ...(closedClasses.length > 1
        ? [
            `${network}: ${closedClasses.length} sets of states are never left again, so there is no single stationary distribution.`,
          ]
        : []),
      ...(closedClasses.length === 0
        ? [
            `${network}: no set of states is closed, so there is no stationary distribution: the runs end while they still find new states.`,
          ]
        : []),
    ];
  });
  return [...warnings, ...testWarnings(tests)];
}

const LONGEST_LABEL = 60;

/** What `analyse symbols` prints. */
export function symbolAnalysisText(analysis: SymbolAnalysis): string {
  const { chosen, horizon, networks, statistics, alphabet, heaviest, tests } = analysis;
  const warnings = symbolWarnings(analysis);
  const names = heaviest.map(({ symbol, text, sha256 }) => [
    `  ${symbol}`,
    count(alphabet.steps[symbol]!),
    excerpt(text ?? `picture ${sha256}`, LONGEST_LABEL),
  ]);
  return [
    `${heading(`Exact outputs of ${plural(chosen.experiments.length, 'experiment')} as symbols`)}: ${plural(chosen.runs.length, 'finished run')}, horizon ${plural(horizon, 'invocation')}`,
    ...(chosen.leftOut.length === 0 ? [] : [`Left out:\n${leftOutText(chosen.leftOut)}`]),
    `${plural(alphabet.steps.length, 'symbol')}, of which the most frequent are\n${table([['  symbol', 'steps', 'output'], ...names], [1])}`,
    ...networks.map(({ network, runs }, place) =>
      networkText(analysis, network, runs.length, statistics.networks[place]!),
    ),
    `${heading('Tests')}\n${testsText(tests)}`,
    ...(warnings.length === 0
      ? []
      : [`${heading('To know')}\n${warnings.map((line) => `  ${line}`).join('\n')}`]),
  ].join('\n\n');
}

function networkText(analysis: SymbolAnalysis, network: string, runs: number, found: Network): string {
  const dwells = dwellFigures(analysis, network);
  const { entropy, closedClasses, states, transitions } = found;
  const inClosed = closedClasses.reduce((sum, { states: members }) => sum + members.length, 0);
  const rows = [
    ['  states, used cells', `${count(states.length)}, ${count(transitions.length)}`],
    [
      '  mean dwell',
      `${figure(dwells.mean)} steps (${dwells.whole} whole, ${dwells.censored} cut off by the end of a run)`,
    ],
    ['  longest dwell', `${count(dwells.longest)} steps`],
    [
      '  entropy of the next symbol',
      `${figure(entropy?.millerMadow)} nats (plug-in ${figure(entropy?.plugIn)})`,
    ],
    ['  information of a symbol on the next', `${figure(entropy?.information)} nats`],
    ['  closed classes', `${closedClasses.length}, of ${plural(inClosed, 'state')}`],
    ...closedClasses
      .slice(0, MOST_CLASSES)
      .map(({ states: members, chain }) => [
        `    class of ${plural(members.length, 'state')}`,
        chain === null
          ? 'too large for a chain'
          : `entropy rate ${figure(chain.entropyRate)} nats a step, irreversibility ${figure(chain.irreversibility)}, second eigenvalue ${chain.relaxation.map(({ secondEigenvalue }) => figure(secondEigenvalue)).join(' / ')} at lags 1 / 2 / 4`,
      ]),
  ];
  return `${heading(network)}: ${plural(runs, 'run')}, ${plural(found.stepCount, 'step')}\n${table(rows)}`;
}

const MOST_CLASSES = 5;
