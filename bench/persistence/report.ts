import { assertNever } from '../../common/errors.js';
import type { Family } from '../common/clouds.js';
import { figuresOf, groups, type Entry } from './entries.js';
import type { Machine } from '../common/machine.js';
import { gibibytes, markdownTable, significant } from '../common/markdown.js';
import type { BenchOptions } from './options.js';
import { edgeClasses, growth, threadScaling } from './scaling.js';

/** The page with the tables. The same measurements, in any order, give the same text. */
export function persistenceReport(
  entries: readonly Entry[],
  options: BenchOptions,
  machine: Machine,
): string {
  const figureName = options.figure.split(/[\\/]/).at(-1)!;
  const sections = [
    '# Exact persistent homology: seconds and memory',
    introduction(options),
    `![Seconds against the number of points](${figureName})`,
    '## Seconds and memory',
    ...options.families.flatMap((family) => comparison(entries, options, family)),
    ...laterCalls(entries, options),
    agreement(entries),
    ...failures(entries),
    ...threadScaling(entries),
    ...growth(entries),
    ...edgeClasses(entries),
    '## Machine',
    machineTable(entries, options, machine),
  ];
  return `${sections.join('\n\n')}\n`;
}

function introduction({ timeLimitSeconds, repeats, seed, changed }: BenchOptions): string {
  const command = ['node dist/bench/persistence.js', ...changed].join(' ');
  return `Clouds of bench/common/clouds.py (unit vectors of 768 float32, seed ${seed}), homology over Z/2 of the whole Vietoris-Rips
filtration. A process to each measurement; seconds from the points in memory to the diagrams, distances included; GiB resident
at most, interpreter and imports included. Median of up to ${repeats} processes (one, if longer than 5 s). Limit: ${timeLimitSeconds} s; a
program that passes it is not tried (–) at larger sizes. The last column is the best other program's seconds over our best,
where one that was late counts as the limit.

The clock of every program starts when it is loaded and has computed an octahedron (imports, what is read or compiled at the
first call), and stops with its first diagrams of the cloud: ours is then still interpreted. To repeat: \`npm run build\`, then
\`${command}\`.`;
}

function comparison(entries: readonly Entry[], options: BenchOptions, family: Family): string[] {
  const own = entries.filter((entry) => entry.family === family);
  if (own.length === 0) return [];
  const labels = options.contestants.map((contestant) => contestant.label);
  const rows = groups(own, (entry) => [entry.maxDimension, entry.pointCount]).map((group) => [
    String(group[0]!.maxDimension),
    String(group[0]!.pointCount),
    ...labels.map((label) =>
      cell(
        group.find((entry) => entry.contestant.label === label),
        options,
      ),
    ),
    speedUp(group, options),
  ]);
  return [`### ${family}`, markdownTable(['dimension', 'n', ...labels, 'other / ours'], rows, 0)];
}

function cell(entry: Entry | undefined, { timeLimitSeconds }: BenchOptions): string {
  if (entry === undefined) return '';
  const { outcome } = entry;
  switch (outcome.kind) {
    case 'done':
      return `${significant(outcome.figures.seconds)} s, ${gibibytes(outcome.figures.peakBytes)} GiB`;
    case 'late':
      return `> ${timeLimitSeconds} s`;
    case 'failed':
      return 'failed';
    case 'skipped':
      return '–';
    default:
      return assertNever(outcome);
  }
}

/** Later calls in the same process, of programs that were quick enough for them. */
function laterCalls(entries: readonly Entry[], { contestants }: BenchOptions): string[] {
  const labels = contestants.map((contestant) => contestant.label);
  const quick = entries.filter((entry) => laterMedian(entry) !== undefined);
  const rows = groups(quick, (entry) => [entry.family, entry.maxDimension, entry.pointCount]).map((group) => {
    const { family, maxDimension, pointCount } = group[0]!;
    const medians = labels.map((label) => {
      const entry = group.find(({ contestant }) => contestant.label === label);
      return entry === undefined ? undefined : laterMedian(entry);
    });
    const cells = medians.map((seconds) => (seconds === undefined ? '' : significant(seconds)));
    const [ours, others] = [best(group, true, laterMedian), best(group, false, laterMedian)];
    const ratio = Math.max(ours, others) < Infinity ? significant(others / ours) : '';
    return [family, String(maxDimension), String(pointCount), ...cells, ratio];
  });
  if (rows.length === 0) return [];
  return [
    '## Once warm',
    `Seconds of later calls in the same processes (the median of five each), as in a worker that analyses many runs. Only where
the first took less than a second.`,
    markdownTable(['family', 'dimension', 'n', ...labels, 'other / ours'], rows, 1),
  ];
}

function firstCall(entry: Entry): number | undefined {
  return figuresOf(entry)?.seconds;
}

function laterMedian(entry: Entry): number | undefined {
  const sorted = (figuresOf(entry)?.laterSeconds ?? []).toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1];
}

/** Least seconds of ours, or of the others; Infinity if there are none. */
function best(
  group: readonly Entry[],
  ours: boolean,
  secondsOf: (entry: Entry) => number | undefined,
): number {
  const some = group.filter((entry) => (entry.contestant.program === 'ours') === ours);
  return Math.min(...some.map((entry) => secondsOf(entry) ?? Infinity));
}

/** Of the entries of one cloud and dimension. */
function speedUp(group: readonly Entry[], { timeLimitSeconds }: BenchOptions): string {
  const ourBest = best(group, true, firstCall);
  const otherBest = best(group, false, firstCall);
  if (ourBest === Infinity) return '';
  if (otherBest < Infinity) return significant(otherBest / ourBest);
  const anyLate = group.some(
    ({ contestant, outcome }) =>
      contestant.program !== 'ours' &&
      (outcome.kind === 'late' || (outcome.kind === 'skipped' && outcome.after === 'late')),
  );
  return anyLate ? `> ${significant(timeLimitSeconds / ourBest)}` : '';
}

function agreement(entries: readonly Entry[]): string {
  let worst = 0;
  let compared = 0;
  for (const group of groups(entries, (entry) => [entry.family, entry.maxDimension, entry.pointCount])) {
    const all = group.map(figuresOf).filter((figures) => figures !== undefined);
    for (const { lengths } of all.slice(1)) {
      compared++;
      for (const [degree, length] of lengths.entries()) {
        const first = all[0]!.lengths[degree]!;
        worst = Math.max(worst, Math.abs(length - first) / Math.max(1, first));
      }
    }
  }
  if (compared === 0) return 'No cloud was done by two programs.';
  return `Sums of the lengths of the finite bars of a degree differ by at most ${worst.toExponential(1)} of the sum (or of 1) between
the programs; the others compute distances in another way. \`node dist/bench/exactness.js\` compares bar by bar.`;
}

function failures(entries: readonly Entry[]): string[] {
  const lines = entries.flatMap(({ family, pointCount, maxDimension, contestant, outcome }) =>
    outcome.kind === 'failed'
      ? [`- ${family}, n ${pointCount}, dimension ${maxDimension}, ${contestant.label}: ${outcome.reason}`]
      : [],
  );
  return lines.length === 0 ? [] : ['Failed, and not tried at larger sizes:', lines.join('\n')];
}

function machineTable(entries: readonly Entry[], options: BenchOptions, machine: Machine): string {
  const base = options.contestants.flatMap(({ label }) => {
    const all = entries.filter((entry) => entry.contestant.label === label).map(figuresOf);
    const least = Math.min(...all.map((figures) => figures?.baseBytes ?? Infinity));
    return least === Infinity ? [] : [`${gibibytes(least)} (${label})`];
  });
  const rows = [
    ['processor', machine.processor],
    ['cores', String(machine.cores)],
    ['memory', `${machine.memoryGiB} GiB`],
    ['versions', machine.versions.join(', ')],
    ['GiB before the computation, at least', base.join(', ')],
    ['date', machine.date],
  ];
  return markdownTable(['', ''], rows, 2);
}
