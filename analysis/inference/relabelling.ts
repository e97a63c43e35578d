import { canonicalGroups, countArrangements, eachArrangement, layOut } from './arrangements.js';
import type { Design, Layout } from './arrangements.js';
import { digestOf, DRAWS, drawRandom, permutationP } from './chance.js';
import { shuffle } from '../../tda/random.js';
import { AnalysisInputError } from '../errors.js';
import { atOnce, type Work } from '../../tda/pacer.js';
import type { SeededRandom } from '../../tda/random.js';

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
  input: RelabellingInput,
  statisticOf: (groups: Uint32Array) => number,
): RelabellingTest {
  return atOnce(relabellingWork(input, statisticOf, 0));
}

/**
 * `relabellingTest` in steps, for large groups of runs: a step is one call of `statisticOf`, which takes about
 * `operations` word operations.
 */
export function* relabellingWork(
  { groups, strata, statistic, input, draws = DRAWS, limit = draws }: RelabellingInput,
  statisticOf: (groups: Uint32Array) => number,
  operations: number,
): Work<RelabellingTest> {
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
  const others = isExact
    ? otherArrangements(layout, groups)
    : drawnArrangements(layout, groups, draws, (draw) => drawRandom(statistic, digest, draw));
  const values = new Float64Array(isExact ? Number(count.arrangements) - 1 : draws);
  let compared = 0;
  for (const other of others) {
    values[compared++] = statisticOf(other);
    yield operations;
  }
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

function* otherArrangements(layout: Layout, observed: Uint32Array): Generator<Uint32Array, void> {
  const left = canonicalGroups(layout, observed);
  for (const groups of eachArrangement(layout)) {
    if (groups.some((group, run) => group !== left[run])) yield groups;
  }
}

function* drawnArrangements(
  { runs, stratumOf }: Layout,
  observed: Uint32Array,
  count: number,
  randomOf: (draw: number) => SeededRandom,
): Generator<Uint32Array, void> {
  const start = runs.map((run) => observed[run]!);
  const shuffled = new Uint32Array(runs.length);
  const strata: Uint32Array[] = [];
  for (let place = 0, first = 0; place < runs.length; place++) {
    if (stratumOf[place] === stratumOf[place + 1]) continue;
    strata.push(shuffled.subarray(first, place + 1));
    first = place + 1;
  }
  const groups = new Uint32Array(runs.length);
  for (let draw = 0; draw < count; draw++) {
    const random = randomOf(draw);
    shuffled.set(start);
    for (const stratum of strata) shuffle(stratum, random);
    for (let place = 0; place < runs.length; place++) groups[runs[place]!] = shuffled[place]!;
    yield groups;
  }
}

function exactNumber(count: bigint): number | null {
  return count <= Number.MAX_SAFE_INTEGER ? Number(count) : null;
}
