import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { script } from '../common/python-programs.js';

export const PROGRAMS = ['ours', 'giotto-ph', 'giotto-ph-collapse', 'ripser'] as const;
export type Program = (typeof PROGRAMS)[number];

/** A program in the comparison. Ripser has one thread, whatever the options say. */
export interface Contestant {
  readonly program: Program;
  readonly threads: number;
  readonly label: string;
}

/** The figures that a process reports about itself. */
export interface Figures {
  /** From points in memory to diagrams: the first call of a process that has loaded the program. */
  readonly seconds: number;
  /** Of later calls in the same process. Empty if the first took so long that its start does not matter. */
  readonly laterSeconds: readonly number[];
  /** Peak resident memory before the computation: the interpreter, the imports and the points. */
  readonly baseBytes: number;
  /** Peak resident memory up to the end of the computation. */
  readonly peakBytes: number;
  /** Sum of the lengths of the finite bars of each degree. */
  readonly lengths: readonly number[];
  /** Edges of each class, if the program counts them. */
  readonly edgeClasses?: Readonly<Record<string, number>>;
}

export type Outcome =
  | { readonly kind: 'done'; readonly figures: Figures }
  | { readonly kind: 'late' }
  | { readonly kind: 'failed'; readonly reason: string };

/** A longer computation is not repeated: the noise of the machine is small against it. */
const REPEATED_UP_TO_SECONDS = 5;

/**
 * Measures in `repeats` processes, one after the other: the median of the first calls, all of the later ones,
 * the maximum of the memory.
 */
export async function measure(
  contestant: Contestant,
  python: string,
  file: string,
  maxDimension: number,
  { timeLimitSeconds, repeats }: { readonly timeLimitSeconds: number; readonly repeats: number },
): Promise<Outcome> {
  const [command, args] = commandOf(contestant, python, file, maxDimension);
  const all: Figures[] = [];
  do {
    const outcome = await measureOnce(command, args, timeLimitSeconds);
    if (outcome.kind !== 'done') return outcome;
    all.push(outcome.figures);
  } while (all.length < repeats && all[0]!.seconds <= REPEATED_UP_TO_SECONDS);
  const bySeconds = all.toSorted((a, b) => a.seconds - b.seconds);
  const median = bySeconds[(bySeconds.length - 1) >> 1]!;
  const peakBytes = Math.max(...all.map((figures) => figures.peakBytes));
  const laterSeconds = all.flatMap((figures) => figures.laterSeconds);
  return { kind: 'done', figures: { ...median, laterSeconds, peakBytes } };
}

function commandOf(
  { program, threads }: Contestant,
  python: string,
  file: string,
  maxDimension: number,
): [command: string, args: string[]] {
  const args = [file, String(maxDimension), String(threads)];
  if (program === 'ours') return [process.execPath, [script('persistence/measure-ours.js'), ...args]];
  return [python, ['-W', 'ignore', script('persistence/measure.py'), program, ...args]];
}

/** The limit counts from the line "ready", so that imports do not count for any program. */
async function measureOnce(
  command: string,
  args: readonly string[],
  timeLimitSeconds: number,
): Promise<Outcome> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let timer: NodeJS.Timeout | undefined;
  let late = false;
  let answer = '';
  let complaint = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line !== 'ready') {
      answer = line;
      return;
    }
    timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeLimitSeconds * 1000);
  });
  child.stderr.on('data', (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-4096);
  });
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `ended with ${signal ?? code}`));
  });
  clearTimeout(timer);
  if (late) return { kind: 'late' };
  if (ending !== '' || answer === '') {
    const lines = complaint.trim().split('\n');
    // Both Node and Python print more around the line that names the error.
    const told = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
    return { kind: 'failed', reason: [ending, told].filter((part) => part !== '').join(': ') };
  }
  const figures: Figures = JSON.parse(answer);
  return { kind: 'done', figures };
}
