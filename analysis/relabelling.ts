import { canonicalGroups, countArrangements, layOut, visitArrangements } from './arrangements.js';
import type { Design, Layout } from './arrangements.js';
import { digestOf, DRAWS, drawRandom, permutationP, shuffle } from './chance.js';
import { AnalysisInputError } from './errors.js';
import type { SeededRandom } from '../tda/random.js';

export interface RelabellingInput extends Design {
  /** The name of the statistic; with the digest of the input it seeds the draws. */
  readonly statistic: string;
  /** What the statistic is computed from, besides the groups: points, distances, times. */
  readonly input: readonly ArrayBufferView[];
  /** Draws where there are more arrangements than `limit`. Default 999. */
  readonly draws?: number | undefined;
  /** The most arrangements that are all visited. Default: as many as draws. */
  readonly limit?: number | undefined;
}

export interface RelabellingTest {
  /** The statistic of the groups as they are. */
  readonly observed: number;
  /**
   * Share of arrangements, or of draws with the observed one, whose statistic is at least the observed one. Null
   * where there is one arrangement only: that is no test, and does not count in a family of tests.
   */
  readonly p: number | null;
  /** True: all arrangements were visited. False: `compared` draws were made. */
  readonly isExact: boolean;
  /** Arrangements, or draws, that were compared with the observed arrangement, which is not one of them. */
  readonly compared: number;
  /** Ways to exchange the groups, names counted; null above 2^53 - 1. Five runs against five: 252. */
  readonly relabellings: number | null;
  /** Ways to share the runs among groups, names not counted; null above 2^53 - 1. Five runs against five: 126. */
  readonly arrangements: number | null;
  /** No p of this test can be smaller: 1 / arrangements where all are visited, else 1 / (draws + 1). */
  readonly floor: number;
}

/**
 * The p-value of a statistic of groups of runs, under exchange of the groups among the runs of each stratum
 * (`relabel`). It visits all arrangements if they are at most `limit`, and else makes seeded draws; ties count as
 * `permutationP` says. Large values speak against the null.
 *
 * `statisticOf` gets the group of each run, must neither keep nor change that array, and must not depend on the
 * names of the groups, only on which runs share one (an F, a chi-square, an energy). It is called first with the
 * groups as they are.
 *
 * Throws AnalysisInputError for a malformed design, draws or limit, and where the statistic is NaN.
 *
 * Source: Anderson & ter Braak 2003, J. Stat. Comput. Simul. 73:85 (exchange within strata); Phipson & Smyth 2010,
 * Stat. Appl. Genet. Mol. Biol. 9:39 (p of draws).
 */
export function relabellingTest(
  { groups, strata, statistic, input, draws = DRAWS, limit = draws }: RelabellingInput,
  statisticOf: (groups: Uint32Array) => number,
): RelabellingTest {
  if (!Number.isSafeInteger(draws) || draws < 1) {
    throw new AnalysisInputError(`draws is ${draws}; expected a whole number, at least 1`);
  }
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new AnalysisInputError(`limit is ${limit}; expected a whole number, at least 0`);
  }
  const layout = layOut({ groups, strata });
  const count = countArrangements(layout);
  const isExact = count.arrangements <= limit || count.arrangements === 1n;
  const digest = digestOf(...input, groups, ...(strata === undefined ? [] : [strata]));
  const observed = statisticOf(groups.slice());
  if (Number.isNaN(observed)) {
    throw new AnalysisInputError(
      `${statistic} is NaN for the groups as they are; test only a statistic that is defined`,
    );
  }
  const values = isExact
    ? ofOtherArrangements(layout, groups, Number(count.arrangements) - 1, statisticOf)
    : ofDraws(layout, groups, draws, (draw) => drawRandom(statistic, digest, draw), statisticOf);
  return {
    observed,
    p: values.length === 0 ? null : permutationP(observed, values),
    isExact,
    compared: values.length,
    relabellings: exactNumber(count.relabellings),
    arrangements: exactNumber(count.arrangements),
    floor: 1 / (values.length + 1),
  };
}

function ofOtherArrangements(
  layout: Layout,
  observed: Uint32Array,
  count: number,
  statisticOf: (groups: Uint32Array) => number,
): Float64Array {
  const values = new Float64Array(count);
  const left = canonicalGroups(layout, observed);
  let visited = 0;
  visitArrangements(layout, (groups) => {
    if (groups.every((group, run) => group === left[run])) return;
    values[visited++] = statisticOf(groups);
  });
  return values;
}

function ofDraws(
  { runs, stratumOf }: Layout,
  observed: Uint32Array,
  count: number,
  randomOf: (draw: number) => SeededRandom,
  statisticOf: (groups: Uint32Array) => number,
): Float64Array {
  const start = runs.map((run) => observed[run]!);
  const shuffled = new Uint32Array(runs.length);
  const strata: Uint32Array[] = [];
  for (let place = 0, first = 0; place < runs.length; place++) {
    if (stratumOf[place] === stratumOf[place + 1]) continue;
    strata.push(shuffled.subarray(first, place + 1));
    first = place + 1;
  }
  const groups = new Uint32Array(runs.length);
  return new Float64Array(count).map((_, draw) => {
    const random = randomOf(draw);
    shuffled.set(start);
    for (const stratum of strata) shuffle(stratum, random);
    for (let place = 0; place < runs.length; place++) groups[runs[place]!] = shuffled[place]!;
    return statisticOf(groups);
  });
}

function exactNumber(count: bigint): number | null {
  return count <= Number.MAX_SAFE_INTEGER ? Number(count) : null;
}
