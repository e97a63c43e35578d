/**
 * Seconds and peak memory of a picture by our pipeline and by diffusers' pipeline on onnxruntime in Python (optimum), side by side on the
 * same graphs: a model of the size of SD-Turbo with random weights, one step, 256 and 512 pixels.
 *
 *   node dist/bench/diffusion.js [--scale sd-turbo|tiny] [--repeats 3] [--python PATH] [--model FOLDER]
 *
 * Needs a Python that has diffusion/requirements.txt, and for the full scale 12 GiB of memory and 6 GiB of disk; the model is made at the first
 * call and kept in FOLDER. `--scale tiny` only shows that the script runs: its figures say nothing.
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CommandError, runCommand } from './command.js';
import { mustRun, script } from './python-programs.js';

interface Measured {
  /** Each picture's, the first one included. */
  readonly seconds: readonly number[];
  readonly cpuSeconds: readonly number[];
  readonly peakMiB: number;
  /** The last picture's 8 bits in base64: both programs are given the same noise. */
  readonly picture: string;
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      scale: { type: 'string', default: 'sd-turbo' },
      repeats: { type: 'string', default: '3' },
      python: { type: 'string', default: 'python3' },
      model: { type: 'string' },
    },
  });
  const { scale, repeats, python } = values;
  if (scale !== 'sd-turbo' && scale !== 'tiny') throw new CommandError('--scale is sd-turbo or tiny');
  if (!/^[1-9]\d*$/.test(repeats)) throw new CommandError('--repeats is a number of pictures');
  const folder = values.model ?? join(tmpdir(), `panic-tda-bench-${scale}`);
  const others = script('diffusion/diffusion.py');
  if (!existsSync(join(folder, 'model_index.json'))) {
    console.error(`making a model of random weights in ${folder}`);
    mustRun(python, [others, 'make', folder, scale], 'the model was not made');
  }
  const ours = script('diffusion/measure-ours.js');
  console.log('| pixels | program | s/picture | CPU s/picture | peak MiB |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const pixels of ['256', '512']) {
    const args = [folder, pixels, repeats];
    const rows = [
      ['ours', read(mustRun(process.execPath, [ours, ...args], 'ours failed'))],
      ['diffusers on onnxruntime', read(mustRun(python, [others, 'measure', ...args], 'diffusers failed'))],
    ] as const;
    for (const [name, measured] of rows) console.log(row(pixels, name, measured));
    const levels = levelsApart(rows[0][1].picture, rows[1][1].picture);
    console.error(`the two pictures of ${pixels} pixels differ by at most ${levels} of 255`);
  }
});

function read(output: string): Measured {
  return JSON.parse(output.trim().split('\n').at(-1)!) as Measured;
}

function row(pixels: string, name: string, { seconds, cpuSeconds, peakMiB }: Measured): string {
  const cells = [least(seconds), least(cpuSeconds)].map((value) => value.toFixed(2));
  return `| ${pixels} | ${name} | ${cells.join(' | ')} | ${Math.round(peakMiB)} |`;
}

/** The largest difference of two pictures. */
function levelsApart(a: string, b: string): number {
  const [ours, theirs] = [Buffer.from(a, 'base64'), Buffer.from(b, 'base64')];
  return ours.reduce((most, level, k) => Math.max(most, Math.abs(level - (theirs[k] ?? Infinity))), 0);
}

/** The least disturbed of the repeats. */
function least(values: readonly number[]): number {
  return Math.min(...values);
}
