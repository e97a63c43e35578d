import {
  describe,
  DIAGRAM_STATISTICS,
  NULLABLE_DIAGRAM_STATISTICS,
  rangeProblem,
} from '../../experiment/statistics.js';
import type { BarMeasures, KeptOf, StoredStatistics } from '../../experiment/statistics.js';

type Recorded = StoredStatistics<'diagram'> & { readonly dimension: number };

/** The largest difference between two orders of the same sum, relative to 1 + the sum. */
const SUM_TOLERANCE = 1e-9;

/** Numbers that the check of the order and the ends of the bars also checks. */
const COUNTS: readonly KeptOf<'diagram'>[] = ['barCount', 'finiteBarCount'];

/**
 * The faults of the bars (birth, death, birth, death, ...) of one homology dimension of a Vietoris-Rips
 * diagram of points in space. Sound bars have length, are sorted by birth and then by death, end within the
 * filtration, and start at 0 in dimension 0. Without a limit on edges exactly one bar, of dimension 0, never
 * dies.
 */
export function* barProblems(
  bars: Float32Array,
  recorded: Recorded,
  maxEdgeLength: number | null,
  measures: BarMeasures | null,
): Generator<string> {
  const { dimension, finiteBarCount } = recorded;
  const longest = maxEdgeLength === null ? Infinity : Math.fround(maxEdgeLength);
  let finite = 0;
  for (let bar = 0; 2 * bar < bars.length; bar++) {
    const birth = bars[2 * bar]!;
    const death = bars[2 * bar + 1]!;
    const problem = barProblem(birth, death, dimension, longest);
    if (problem !== null) {
      yield `bar ${bar}, [${birth}, ${death}), ${problem}`;
      return;
    }
    if (bar > 0 && !isSorted(bars[2 * bar - 2]!, bars[2 * bar - 1]!, birth, death)) {
      yield `bar ${bar}, [${birth}, ${death}), comes before bar ${bar - 1} in order of birth and death`;
      return;
    }
    if (death !== Infinity) finite++;
  }
  if (finite !== finiteBarCount) yield `its finite_bar_count is ${finiteBarCount}, ${finite} of its bars die`;
  const endless = bars.length / 2 - finite;
  const expected = dimension === 0 ? 1 : 0;
  if (maxEdgeLength === null && endless !== expected) {
    yield `${endless} of its bars never die; without max_edge_length it is ${expected}`;
  }
  for (const name of DIAGRAM_STATISTICS) {
    if (COUNTS.includes(name)) continue;
    const impossible = name === 'entropy' ? entropyProblem(finite, recorded.entropy) : null;
    if (impossible !== null) yield impossible;
    else yield* statisticProblems(name, recorded[name], bars, measures);
  }
}

function barProblem(birth: number, death: number, dimension: number, longest: number): string | null {
  if (!(birth >= 0 && birth < Infinity)) return 'has no birth';
  if (dimension === 0 && birth !== 0) return 'is of dimension 0 and not born at 0';
  if (!(death > birth)) return 'does not live';
  return death > longest && death !== Infinity ? `dies after the longest edge, ${longest}` : null;
}

function isSorted(birth: number, death: number, nextBirth: number, nextDeath: number): boolean {
  return birth < nextBirth || (birth === nextBirth && death <= nextDeath);
}

/** The range of the entropy depends on the number of bars. */
function entropyProblem(finite: number, entropy: number): string | null {
  const most = Math.log(Math.max(1, finite));
  if (entropy >= 0 && entropy <= most + SUM_TOLERANCE * (1 + most)) return null;
  return `its entropy is ${entropy}; ${finite} finite bars have one from 0 to ${most}`;
}

/** Compares a number with the value that its bars give. */
function* statisticProblems(
  name: KeptOf<'diagram'>,
  value: number | null,
  bars: Float32Array,
  measures: BarMeasures | null,
): Generator<string> {
  const description = describe(name);
  if (value === null && description.nullRule !== null) return;
  const outside = rangeProblem(description, value);
  if (outside !== null) yield outside;
  if (outside !== null || value === null || measures === null) return;
  const expected = measures[name](bars);
  if (expected !== null && Math.abs(value - expected) <= SUM_TOLERANCE * (1 + Math.abs(expected))) return;
  yield `its ${description.column} is ${value}, its bars give ${expected}`;
}

/**
 * Numbers that the bars give and that a row does not have, because an earlier version did not compute them.
 * They are no violation, and `doctor --fix` computes them.
 */
export function lackingStatistics(
  recorded: StoredStatistics<'diagram'>,
  bars: Float32Array,
  measures: BarMeasures,
  nullable: readonly KeptOf<'diagram'>[] = NULLABLE_DIAGRAM_STATISTICS,
): KeptOf<'diagram'>[] {
  return nullable.filter((name) => recorded[name] === null && measures[name](bars) !== null);
}
