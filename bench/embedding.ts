/**
 * Measures all-MiniLM-L6-v2 (fp32, CPU) in texts a second, one at a time and 32 at a time: ours beside
 * onnxruntime in Python on the same graph, and beside sentence-transformers on the same architecture.
 *
 *   node dist/bench/embedding.js --weights FOLDER [--texts 256] [--rounds 5] [--python PATH]
 *
 * FOLDER has the model's files in the layout of its repository. The programs run in turns, each in a process
 * of its own, with their default number of threads; loading does not count. Prints medians over the rounds:
 * of wall-clock time, which other work on the machine disturbs, and of CPU time. Needs Python 3.11 or 3.12,
 * and minutes at the first call.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Sfc32 } from '../common/sfc32.js';
import { CommandError, runCommand } from './common/command.js';
import { mustRun, programVersions, pythonWithNeuralPrograms, script } from './common/python-programs.js';

const PROGRAMS = ['sentence-transformers', 'torch', 'transformers', 'onnxruntime'];
const BATCHES = [1, 32];
const WORDS =
  'a the photo of painting red blue green cat dog house tree river city night snow under near with two old small large bright'.split(
    ' ',
  );

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Little-endian float32, base64. */
  readonly vectors: string;
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      weights: { type: 'string' },
      texts: { type: 'string', default: '256' },
      rounds: { type: 'string', default: '5' },
      python: { type: 'string' },
    },
  });
  const { weights } = values;
  if (weights === undefined || !existsSync(join(weights, 'onnx/model.onnx'))) {
    throw new CommandError('--weights FOLDER: the folder of all-MiniLM-L6-v2, with onnx/model.onnx in it');
  }
  const count = wholeNumber('texts', values.texts);
  const rounds = wholeNumber('rounds', values.rounds);
  const python = pythonWithNeuralPrograms(values.python);
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-embedding-'));
  try {
    const texts = join(folder, 'texts.json');
    writeFileSync(texts, JSON.stringify(captions(count)));
    compare(weights, texts, python, count, rounds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function compare(weights: string, texts: string, python: string, count: number, rounds: number): void {
  const programs: Readonly<Record<string, (batch: string) => string>> = {
    ours: (batch) =>
      mustRun(process.execPath, [script('embedding/measure-ours.js'), weights, texts, batch], 'ours failed'),
    'onnxruntime in Python': (batch) =>
      mustRun(python, [script('embedding/measure.py'), 'onnxruntime', weights, texts, batch], 'it failed'),
    'sentence-transformers': (batch) =>
      mustRun(
        python,
        [script('embedding/measure.py'), 'sentence-transformers', weights, texts, batch],
        'it failed',
      ),
  };
  console.log([`Node.js ${process.versions.node}`, ...programVersions(python, PROGRAMS)].join(', '));
  console.log(`${count} texts, median of ${rounds} rounds; load before: ${loadavg()[0]!.toFixed(1)}`);
  for (const batch of BATCHES) {
    const measured = Object.fromEntries(Object.keys(programs).map((name) => [name, [] as Measured[]]));
    for (let round = 0; round < rounds; round++) {
      for (const [name, run] of Object.entries(programs)) {
        measured[name]!.push(JSON.parse(run(String(batch))));
      }
    }
    console.table(
      Object.entries(measured).map(([program, all]) => ({
        batch,
        program,
        'texts/s': (count / median(all.map((one) => one.seconds))).toFixed(0),
        'CPU ms/text': ((1000 * median(all.map((one) => one.cpuSeconds))) / count).toFixed(2),
      })),
    );
    const [ours, theirs] = [measured['ours']![0]!, measured['onnxruntime in Python']![0]!];
    console.log(
      `largest difference of vectors, ours to onnxruntime in Python: ${apart(ours, theirs).toExponential(1)}`,
    );
  }
}

/** Captions of 5 to 40 words. */
function captions(count: number): string[] {
  const random = new Sfc32([1, 2, 3, 4]);
  return Array.from({ length: count }, () => {
    const words = Array.from(
      { length: 5 + (random.word() % 36) },
      () => WORDS[random.word() % WORDS.length]!,
    );
    return words.join(' ');
  });
}

function apart(a: Measured, b: Measured): number {
  const [x, y] = [a, b].map(
    ({ vectors }) => new Float32Array(new Uint8Array(Buffer.from(vectors, 'base64')).buffer),
  );
  return x!.reduce((largest, value, i) => Math.max(largest, Math.abs(value - y![i]!)), 0);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function wholeNumber(option: string, value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new CommandError(`--${option} must be a whole number above 0`);
  return number;
}
