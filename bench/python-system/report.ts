import { markdownTable } from '../common/markdown.js';
import type { Machine } from '../common/machine.js';
import type { Installation } from './installation.js';
import type { Measured } from './measured.js';

/** A shape's repetitions, by program. */
export interface Comparison {
  readonly name: string;
  readonly maxDimension: number;
  readonly ours: readonly Measured[];
  readonly theirs: readonly Measured[];
}

/** The figures that medians are taken of. */
type Figure = (measured: Measured) => number;

export function speedTable(comparisons: readonly Comparison[]): string {
  const header = ['runs x steps', 'program', 'invocations/s', 'median', 'ours / theirs'];
  const further = ['start s', 'command s', 'peak MiB', 'without files'];
  const rows = comparisons.flatMap(({ name, ours, theirs }) => {
    const ratio = median(ours, speed) / median(theirs, speed);
    return [row(name, 'ours', ours, ratio.toFixed(1)), row(name, 'Python on Ray', theirs, '')];
  });
  return markdownTable([...header, ...further], rows, 3);
}

const speed: Figure = ({ invocationsPerSecond }) => invocationsPerSecond;

function row(name: string, program: string, all: readonly Measured[], ratio: string): string[] {
  return [
    name,
    program,
    all.map((one) => speed(one).toFixed(0)).join(', '),
    median(all, speed).toFixed(0),
    ratio,
    median(all, ({ startSeconds }) => startSeconds).toFixed(1),
    median(all, ({ commandSeconds }) => commandSeconds).toFixed(1),
    Math.max(...all.map(({ peak }) => peak.residentMiB)).toFixed(0),
    Math.max(...all.map(({ peak }) => peak.anonymousMiB)).toFixed(0),
  ];
}

function median(all: readonly Measured[], figure: Figure): number {
  const sorted = all.map(figure).toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Remarks that a reader of the table needs. */
export function remarks(
  comparisons: readonly Comparison[],
  { commit }: Installation,
  rayCpus: number,
  machine: Machine,
  loadBefore: number,
): string {
  const degrees = comparisons.map(({ name, maxDimension }) => `${maxDimension} (${name})`).join(', ');
  return `Both: DummyT2I and DummyI2T (256x256 pictures of one colour), seed -1, a vector of 768 numbers for each text, a diagram
for each run up to degree ${degrees}. Invocations/s: all of them over the time from the first to the last, by each program's
own timestamps; ours makes vectors and diagrams within that time, the Python system after it. Start: until the first
invocation is done. Peak: of all processes together, resident memory (pages of files that several share count for each),
and that without files. Medians, and the highest peak.

The Python system is commit ${commit} of ANUcybernetics/panic-tda with the packages of its lock file, its
sources unchanged. From outside, bench/python-system/perform.py gives Ray ${rayCpus} CPUs, and keeps it from lowering the
priority of its workers; a diagram asks for ${rayCpus < 24 ? '1 CPU instead of 24' : '24 CPUs'}; the highest degree is set.

${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, load ${loadBefore.toFixed(1)} beforehand; ${machine.versions.join(', ')}; ${machine.date}.`;
}
