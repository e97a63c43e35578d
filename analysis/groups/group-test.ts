import { layOut, type Design } from '../inference/arrangements.js';
import type { RelabellingInput, RelabellingTest } from '../inference/relabelling.js';
import { checkRunDistances, type RunDistances, type SignalOption } from './run-distances.js';

/** How a test of groups of runs is done: its draws, and the signal that ends it. */
export interface GroupTestOptions extends SignalOption, Pick<RelabellingInput, 'draws' | 'limit'> {}

/** The p-value of a test of groups of runs, with its floor. */
export interface GroupTest extends Omit<RelabellingTest, 'observed' | 'p'> {
  readonly p: number;
}

/** Why a design with one arrangement has no test. */
export const ONE_ARRANGEMENT =
  'the groups cannot be exchanged within the strata: each stratum has runs of one group only';

/** The test without what it observed; null where there is one arrangement. */
export function asGroupTest(test: RelabellingTest): GroupTest | null {
  const { p, isExact, compared, relabellings, arrangements, floor } = test;
  return p === null ? null : { p, isExact, compared, relabellings, arrangements, floor };
}

/**
 * Why runs in these groups cannot be tested, in words; null if they can.
 *
 * Throws AnalysisInputError, which names the place, for a malformed design.
 */
export function untestableGroups(design: Design): string | null {
  const { groupCount } = layOut(design);
  if (groupCount === 1) return 'there is one group of runs; a test compares at least two';
  const { groups } = design;
  const sizes = new Uint32Array(groupCount);
  for (let run = 0; run < groups.length; run++) sizes[groups[run]!]!++;
  const alone = sizes.indexOf(1);
  return alone === -1
    ? null
    : `group ${alone} has one run; a test needs at least two runs in each group, so leave that group out or add runs`;
}

/** Why distances between runs have no test, if all are 0. */
export const NO_DISTANCES = 'all distances between runs are 0';

/**
 * Why these distances between runs in these groups cannot be tested, in words; null if they can.
 *
 * Throws AnalysisInputError for malformed distances or groups.
 */
export function untestableDistances(distances: RunDistances, design: Design): string | null {
  checkRunDistances(distances, design);
  const untestable = untestableGroups(design);
  if (untestable !== null) return untestable;
  return distances.distances.every((distance) => distance === 0) ? NO_DISTANCES : null;
}

/** The runs of each group, in order of their numbers. It arranges them anew without allocation. */
export class GroupMembers {
  /** Runs, group by group. */
  readonly runs: Uint32Array;
  /** The place of the first run of each group, and the number of runs at the end. */
  readonly starts: Uint32Array;
  private readonly next: Uint32Array;

  constructor(groups: Uint32Array) {
    const groupCount = groups.reduce((most, group) => Math.max(most, group + 1), 0);
    this.runs = new Uint32Array(groups.length);
    this.next = new Uint32Array(groupCount);
    this.starts = new Uint32Array(groupCount + 1);
    for (let run = 0; run < groups.length; run++) this.starts[groups[run]! + 1]!++;
    for (let group = 0; group < groupCount; group++) this.starts[group + 1]! += this.starts[group]!;
    this.arrange(groups);
  }

  get groupCount(): number {
    return this.next.length;
  }

  sizeOf(group: number): number {
    return this.starts[group + 1]! - this.starts[group]!;
  }

  /** Takes other groups of the same runs; the sizes of the groups must be the same. */
  arrange(groups: Uint32Array): void {
    this.next.set(this.starts.subarray(0, this.next.length));
    for (let run = 0; run < groups.length; run++) this.runs[this.next[groups[run]!]!++] = run;
  }
}
