import { AnalysisInputError } from '../errors.js';

/** Which group each run belongs to, and within which runs the groups may be exchanged. */
export interface Design {
  /** The group of each run: whole numbers from 0, each of them used. */
  readonly groups: Uint32Array;
  /** The stratum of each run, any whole numbers; without it all runs are one stratum. */
  readonly strata?: Uint32Array | undefined;
}

/** A design, stratum by stratum. Two groups are twins if they have equally many runs in every stratum. */
export interface Layout {
  readonly groupCount: number;
  /** Runs in order of strata; a place is a position of this array. */
  readonly runs: Uint32Array;
  /** The stratum of each place, numbered from 0. */
  readonly stratumOf: Uint32Array;
  /** Runs of each group in each stratum: strata × groups. */
  readonly sizes: Uint32Array;
  /** The first twin of each group, perhaps itself. */
  readonly firstTwin: Uint32Array;
  /** How many twins of a group come before it. */
  readonly twinsBefore: Uint32Array;
}

/** Throws AnalysisInputError, which names the place, for a design without runs or with a gap in its groups. */
export function layOut({ groups, strata }: Design): Layout {
  const runCount = groups.length;
  if (runCount === 0) throw new AnalysisInputError('groups is empty; at least one run is needed');
  if (strata !== undefined && strata.length !== runCount) {
    throw new AnalysisInputError(
      `strata has ${strata.length} runs and groups has ${runCount}; expected the same runs`,
    );
  }
  const groupCount = countGroups(groups);
  const runs = Uint32Array.from(groups, (_, run) => run);
  if (strata !== undefined) runs.sort((a, b) => strata[a]! - strata[b]! || a - b);

  const stratumOf = new Uint32Array(runCount);
  for (let place = 1; place < runCount; place++) {
    const isNew = strata !== undefined && strata[runs[place]!] !== strata[runs[place - 1]!];
    stratumOf[place] = stratumOf[place - 1]! + (isNew ? 1 : 0);
  }
  const sizes = new Uint32Array((stratumOf[runCount - 1]! + 1) * groupCount);
  for (let place = 0; place < runCount; place++) {
    sizes[stratumOf[place]! * groupCount + groups[runs[place]!]!]!++;
  }
  return { groupCount, runs, stratumOf, sizes, ...twins(sizes, groupCount) };
}

function countGroups(groups: Uint32Array): number {
  let last = 0;
  for (let run = 0; run < groups.length; run++) last = Math.max(last, groups[run]!);
  // A number above the count of runs leaves a gap, and would ask for a long list.
  const isUsed = new Uint8Array(Math.min(last + 1, groups.length + 1));
  for (let run = 0; run < groups.length; run++) isUsed[groups[run]!] = 1;
  const gap = isUsed.indexOf(0);
  if (gap !== -1) {
    throw new AnalysisInputError(
      `groups has no run of group ${gap}, but one of group ${last}; number groups from 0 without gaps`,
    );
  }
  return last + 1;
}

function twins(sizes: Uint32Array, groupCount: number): Pick<Layout, 'firstTwin' | 'twinsBefore'> {
  const firstTwin = new Uint32Array(groupCount);
  const twinsBefore = new Uint32Array(groupCount);
  const firstBySizes = new Map<string, number>();
  const found = new Uint32Array(groupCount);
  for (let group = 0; group < groupCount; group++) {
    const key = sizes.filter((_, place) => place % groupCount === group).join();
    const first = firstBySizes.get(key) ?? group;
    firstBySizes.set(key, first);
    firstTwin[group] = first;
    twinsBefore[group] = found[first]!++;
  }
  return { firstTwin, twinsBefore };
}

/**
 * How many ways there are to give the groups to the runs within strata, with the sizes of the groups kept in each
 * stratum: `relabellings` counts the names of the groups, `arrangements` only which runs share a group. Five runs
 * against five have 252 relabellings and 126 arrangements.
 */
export function countArrangements({ groupCount, sizes, twinsBefore }: Layout): {
  relabellings: bigint;
  arrangements: bigint;
} {
  let relabellings = 1n;
  for (let place = 0, inStratum = 0n; place < sizes.length; place++) {
    if (place % groupCount === 0) inStratum = 0n;
    for (let run = 1n; run <= sizes[place]!; run++) relabellings = (relabellings * ++inStratum) / run;
  }
  let namings = 1n;
  for (let group = 0; group < groupCount; group++) namings *= BigInt(twinsBefore[group]! + 1);
  return { relabellings, arrangements: relabellings / namings };
}

/**
 * Yields each arrangement once: the group of each run, in one array that the caller must neither keep nor change.
 * Of the relabellings that differ only in the names of twins, it yields the one in which twins first appear in
 * order of their numbers.
 */
export function* eachArrangement(layout: Layout): Generator<Uint32Array, void> {
  const { groupCount, runs, stratumOf, sizes, firstTwin, twinsBefore } = layout;
  const left = sizes.slice();
  const runsOf = new Uint32Array(groupCount);
  // How many twins of each first twin have a run.
  const begun = new Uint32Array(groupCount);
  const chosen = new Int32Array(runs.length).fill(-1);
  const groups = new Uint32Array(runs.length);
  let place = 0;
  while (place >= 0) {
    const stratum = stratumOf[place]! * groupCount;
    let group = chosen[place]!;
    if (group !== -1) {
      left[stratum + group]!++;
      if (--runsOf[group]! === 0) begun[firstTwin[group]!]!--;
    }
    do group++;
    while (
      group < groupCount &&
      (left[stratum + group] === 0 || twinsBefore[group]! > begun[firstTwin[group]!]!)
    );
    if (group === groupCount) {
      chosen[place--] = -1;
      continue;
    }
    chosen[place] = group;
    left[stratum + group]!--;
    if (runsOf[group]!++ === 0) begun[firstTwin[group]!]!++;
    groups[runs[place]!] = group;
    if (place < runs.length - 1) place++;
    else yield groups;
  }
}

/** The arrangement of these groups, as `eachArrangement` names it. */
export function canonicalGroups(
  { groupCount, runs, firstTwin, twinsBefore }: Layout,
  groups: Uint32Array,
): Uint32Array {
  const named = new Int32Array(groupCount).fill(-1);
  const begun = new Uint32Array(groupCount);
  const canonical = new Uint32Array(groups.length);
  for (let place = 0; place < runs.length; place++) {
    const group = groups[runs[place]!]!;
    const first = firstTwin[group]!;
    if (named[group] === -1) {
      const rank = begun[first]!++;
      for (let twin = first; twin < groupCount; twin++) {
        if (firstTwin[twin] === first && twinsBefore[twin] === rank) named[group] = twin;
      }
    }
    canonical[runs[place]!] = named[group]!;
  }
  return canonical;
}
