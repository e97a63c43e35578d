import { asGroupTest, type GroupTest } from './group-test.js';
import { relabellingTest, type RelabellingInput } from '../inference/relabelling.js';

/** A test of networks or of prompts. A value that is not defined is null, and `reason` says why. */
export interface FactorTest {
  /** Null too where its denominator is 0. */
  readonly f: number | null;
  readonly test: GroupTest | null;
  /** Why `f` or `test` is null. */
  readonly reason: string | null;
}

type Draws = Pick<RelabellingInput, 'draws' | 'limit'>;
/** The values of each prompt and network; no cell is empty. */
type Cells = readonly (readonly (readonly number[])[])[];

/** Sums of squares this small beside those of the values are rounding. */
const ROUNDING = 1e-24;

/** F = MS_network / MS_interaction of the means of the cells; p by exchange of the networks within each prompt. */
export function interactionTest(cells: Cells, networkCount: number, draws: Draws): FactorTest {
  const promptCount = cells.length;
  if (networkCount < 2) return untested('a test of networks needs at least two networks');
  if (promptCount < 2) {
    return untested('a test of networks needs at least two prompts of which every network has a run');
  }
  const means = cells.map((row) => row.map(meanOf));
  // Differences from the mean of the prompt, which no exchange within prompts changes.
  const values = Float64Array.from(
    means.flatMap((row) => {
      const mean = meanOf(row);
      return row.map((value) => value - mean);
    }),
  );
  const total = squares(values);
  if (total <= ROUNDING * squares(means.flat())) return untested('the networks are equal in each prompt');
  const groups = Uint32Array.from(values, (_, cell) => cell % networkCount);
  const strata = Uint32Array.from(values, (_, cell) => Math.floor(cell / networkCount));
  const sums = new Float64Array(networkCount);
  const betweenOf = (labels: Uint32Array): number => {
    sums.fill(0);
    for (let cell = 0; cell < values.length; cell++) sums[labels[cell]!]! += values[cell]!;
    return squares(sums) / promptCount;
  };
  const between = betweenOf(groups);
  const interaction = total - between;
  const isInfinite = interaction <= 1e-14 * total;
  const test = asGroupTest(
    relabellingTest(
      { groups, strata, statistic: 'network against interaction', input: [values], ...draws },
      // F grows with it: the sum of both sums of squares is the same for all arrangements.
      betweenOf,
    ),
  );
  return {
    f: isInfinite ? null : between / (interaction / (promptCount - 1)),
    test,
    reason: isInfinite ? 'networks and prompts do not interact, so F is infinite' : null,
  };
}

/** F of prompts in one-way analysis of variance of the runs; p by exchange of runs among prompts within networks. */
export function promptTest(cells: Cells, draws: Draws): FactorTest {
  const promptCount = cells.length;
  if (promptCount < 2) {
    return untested('a test of prompts needs at least two prompts of which every network has a run');
  }
  if (cells.flat().every(({ length }) => length === 1)) {
    return untested('each network has one run of each prompt; a test of prompts needs several seeds');
  }
  const runs = cells.flatMap((row, prompt) =>
    row.flatMap((cell, network) => cell.map((value) => ({ prompt, network, value }))),
  );
  const mean = meanOf(runs.map(({ value }) => value));
  const values = Float64Array.from(runs, ({ value }) => value - mean);
  const total = squares(values);
  if (total <= ROUNDING * squares(runs.map(({ value }) => value))) return untested('all values are equal');
  const groups = Uint32Array.from(runs, ({ prompt }) => prompt);
  const strata = Uint32Array.from(runs, ({ network }) => network);
  const sizes = new Uint32Array(promptCount);
  for (const prompt of groups) sizes[prompt]!++;
  const sums = new Float64Array(promptCount);
  const betweenOf = (labels: Uint32Array): number => {
    sums.fill(0);
    for (let run = 0; run < values.length; run++) sums[labels[run]!]! += values[run]!;
    let between = 0;
    for (let prompt = 0; prompt < promptCount; prompt++) between += sums[prompt]! ** 2 / sizes[prompt]!;
    return between;
  };
  const between = betweenOf(groups);
  const within = total - between;
  const isInfinite = within <= 1e-14 * total;
  const test = asGroupTest(
    relabellingTest({ groups, strata, statistic: 'prompts', input: [values], ...draws }, betweenOf),
  );
  return {
    f: isInfinite ? null : between / (promptCount - 1) / (within / (values.length - promptCount)),
    test,
    reason: isInfinite ? 'all runs of a prompt are equal, so F is infinite' : null,
  };
}

function untested(reason: string): FactorTest {
  return { f: null, test: null, reason };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squares(values: Float64Array | readonly number[]): number {
  let sum = 0;
  for (let place = 0; place < values.length; place++) sum += values[place]! * values[place]!;
  return sum;
}
