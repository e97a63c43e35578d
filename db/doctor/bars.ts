/** Persistence entropy of a diagram's finite bars; the room of topology has it, this one is given it. */
export type EntropyOf = (bars: Float32Array) => number;

interface Recorded {
  readonly dimension: number;
  readonly finiteBarCount: number;
  readonly entropy: number;
}

/** What two orders of the same sum may differ by, relative to 1 + the entropy. */
const ENTROPY_TOLERANCE = 1e-9;

/**
 * What is wrong with the bars (birth, death, birth, death, ...) of one homology dimension of a Vietoris-Rips diagram of
 * points in space: bars have length, are sorted by birth and then death, end within the filtration, start at 0 in
 * dimension 0; without a limit on edges exactly one bar, of dimension 0, never dies.
 */
export function* barProblems(
  bars: Float32Array,
  recorded: Recorded,
  maxEdgeLength: number | null,
  entropyOf: EntropyOf | null,
): Generator<string> {
  const { dimension, finiteBarCount, entropy } = recorded;
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
  yield* entropyProblems(bars, finite, entropy, entropyOf);
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

function* entropyProblems(
  bars: Float32Array,
  finite: number,
  entropy: number,
  entropyOf: EntropyOf | null,
): Generator<string> {
  const most = Math.log(Math.max(1, finite));
  const tolerance = ENTROPY_TOLERANCE * (1 + most);
  if (!(entropy >= 0 && entropy <= most + tolerance)) {
    yield `its entropy is ${entropy}; ${finite} finite bars have one from 0 to ${most}`;
    return;
  }
  if (entropyOf === null) return;
  const expected = entropyOf(bars);
  if (!(Math.abs(entropy - expected) <= tolerance))
    yield `its entropy is ${entropy}, its bars give ${expected}`;
}
