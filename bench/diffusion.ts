/**
 * Seconds and peak memory of a picture by our pipeline and by diffusers' pipeline on onnxruntime in Python
 * (optimum), side by side on the same graphs: a model of the size of SD-Turbo with random weights, one step,
 * 256 and 512 pixels.
 *
 *   node dist/bench/diffusion.js [--scale sd-turbo|tiny] [--repeats 3] [--rounds 2] [--python PATH] [--model FOLDER]
 *
 * The programs take turns, `--rounds` times; the least disturbed picture of all rounds counts. Needs Python
 * 3.11 or 3.12, and for the full scale 16 GiB of memory and 12 GiB of disk. The first call gets the other
 * programs and makes the model, and keeps them under node_modules/.cache. `--scale tiny` only shows that the
 * script runs: its figures mean nothing.
 */
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CommandError, runCommand } from './common/command.js';
import {
  cacheFolder,
  mustRun,
  programVersions,
  pythonWithNeuralPrograms,
  script,
} from './common/python-programs.js';

const PROGRAMS = ['diffusers', 'optimum-onnx', 'onnxruntime'];

interface Measured {
  /** Of each picture. The first picture finds nothing in the caches. */
  readonly seconds: readonly number[];
  readonly cpuSeconds: readonly number[];
  readonly peakMiB: number;
  /** The last picture's 8-bit values in base64. Both programs get the same noise. */
  readonly picture: string;
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      scale: { type: 'string', default: 'sd-turbo' },
      repeats: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '2' },
      python: { type: 'string' },
      model: { type: 'string' },
    },
  });
  const { scale, repeats, rounds } = values;
  if (scale !== 'sd-turbo' && scale !== 'tiny') throw new CommandError('--scale is sd-turbo or tiny');
  if (!/^[1-9]\d*$/.test(repeats)) throw new CommandError('--repeats is a number of pictures');
  if (!/^[1-9]\d*$/.test(rounds)) throw new CommandError('--rounds is a number of turns');
  const folder = values.model ?? join(cacheFolder(), `diffusion-model-${scale}`);
  const python = pythonWithNeuralPrograms(values.python);
  const others = script('diffusion/diffusion.py');
  if (!existsSync(join(folder, 'model_index.json'))) {
    console.error(`making a model of random weights in ${folder}`);
    mustRun(python, [others, 'make', folder, scale], 'the model was not made');
  }
  const ours = script('diffusion/measure-ours.js');
  console.log([`Node.js ${process.versions.node}`, ...programVersions(python, PROGRAMS)].join(', '));
  console.log(`${repeats} pictures a turn, ${rounds} turns; load before: ${loadavg()[0]!.toFixed(1)}\n`);
  console.log('| pixels | program | s/picture | CPU s/picture | peak MiB |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const pixels of ['256', '512']) {
    const args = [folder, pixels, repeats];
    const programs = [
      ['ours', () => mustRun(process.execPath, [ours, ...args], 'ours failed')],
      ['diffusers on onnxruntime', () => mustRun(python, [others, 'measure', ...args], 'diffusers failed')],
    ] as const;
    const turns = Array.from({ length: Number(rounds) }, () => programs.map(([, run]) => read(run())));
    for (const [k, [name]] of programs.entries())
      console.log(
        row(
          pixels,
          name,
          turns.map((turn) => turn[k]!),
        ),
      );
    const levels = levelsApart(turns[0]![0]!.picture, turns[0]![1]!.picture);
    console.error(`the two pictures of ${pixels} pixels differ by at most ${levels} of 255`);
  }
});

function read(output: string): Measured {
  return JSON.parse(output.trim().split('\n').at(-1)!);
}

function row(pixels: string, name: string, turns: readonly Measured[]): string {
  const cells = [
    least(turns.flatMap(({ seconds }) => seconds)),
    least(turns.flatMap(({ cpuSeconds }) => cpuSeconds)),
  ].map((value) => value.toFixed(2));
  const peakMiB = Math.max(...turns.map((turn) => turn.peakMiB));
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
