/**
 * Measures the times that `plan` assumes if the data folder's history has none: milliseconds of a call of
 * each model that comes with the program, and seconds of diagrams of small runs and of surrogates. Prints the
 * content of models/measured-times.ts, and a table beside the predictions of tda/time.ts.
 *
 *   node dist/bench/model-times.js [--steps 200] [--sizes 10,50,100,200,300]
 *
 * Takes some minutes. Medians of the models' own wall-clock time (`compute_ms` of the rows), and CPU time of
 * diagrams; other work on the machine makes both larger. Trained models run on the processor.
 */
import { cpus, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import type { Artifact } from '../experiment/artifact.js';
import type { GenerativeModel } from '../experiment/model.js';
import { SURROGATE_KINDS } from '../experiment/config.js';
import { catalogue, createModelPool, type ModelPool } from '../models/index.js';
import { predictRipsSeconds, predictSurrogateSeconds, ripsPersistence, surrogate } from '../tda/index.js';
import { runCommand } from './common/command.js';

const DEGREES = [0, 1, 2] as const;
const DIMENSION = 256;

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      steps: { type: 'string', default: '200' },
      sizes: { type: 'string', default: '10,50,100,200,300' },
    },
  });
  console.log(`${cpus()[0]?.model.trim() ?? 'unknown'}, ${new Date().toISOString().slice(0, 10)}\n`);
  await measureModels(Number(values.steps));
  await measureDiagrams(values.sizes.split(',').map(Number));
});

/** Models whose files, if they have any, come with the program. */
function ownModels() {
  return [...catalogue.values()].filter(
    ({ loader, source }) => loader === 'built-in' || source.startsWith('package:'),
  );
}

async function measureModels(steps: number): Promise<void> {
  const pool = await createModelPool({ modelsFolder: tmpdir(), threads: 1, devices: { device: 'cpu' } });
  try {
    const own = ownModels();
    const generative = own.flatMap((model) => (model.kind === 'generative' ? [model] : []));
    const outputs: Artifact[] = [];
    for (const model of generative.filter(({ input }) => input === 'text')) {
      const partner = partnerOf(model, generative);
      for (const { name, ms } of await loopTimes(pool, model, partner, steps, outputs)) {
        console.log(`  ['${name}', ${rounded(ms)}],`);
      }
    }
    for (const model of own) {
      if (model.kind !== 'embedding') continue;
      const inputs = outputs.filter(({ modality }) => modality === model.input).slice(-64);
      const times: number[] = [];
      for (let round = 0; round < 10; round++)
        times.push((await pool.embed(model.name, inputs)).computeMs / inputs.length);
      console.log(`  ['${model.name}', ${rounded(median(times))}], // a vector`);
    }
  } finally {
    await pool.close();
  }
}

/** The describer of the same family: the first five letters of their names agree. */
function partnerOf(painter: GenerativeModel, all: readonly GenerativeModel[]): GenerativeModel {
  const describers = all.filter(({ input }) => input === 'image');
  const partner = describers.find(({ name }) => name.slice(0, 5) === painter.name.slice(0, 5));
  if (partner === undefined) throw new Error(`no describer goes with ${painter.name}`);
  return partner;
}

async function loopTimes(
  pool: ModelPool,
  painter: GenerativeModel,
  describer: GenerativeModel,
  steps: number,
  outputs: Artifact[],
): Promise<{ readonly name: string; readonly ms: number }[]> {
  const times = new Map<string, number[]>([
    [painter.name, []],
    [describer.name, []],
  ]);
  let input: Artifact = { modality: 'text', text: 'a lighthouse in fog beside two red boats' };
  for (let step = 0; step < steps; step++) {
    const { name } = step % 2 === 0 ? painter : describer;
    const { output, computeMs } = await pool.generate(name, input, step);
    // The first calls compile and load.
    if (step >= 10) times.get(name)!.push(computeMs);
    outputs.push(output);
    input = output;
  }
  return [...times].map(([name, all]) => ({ name, ms: median(all) }));
}

async function measureDiagrams(sizes: readonly number[]): Promise<void> {
  console.log('\npoints  degree  what                 CPU seconds  predicted');
  for (const count of sizes) {
    const walk = drift(count);
    for (const maxDimension of DEGREES) {
      const row = async (what: string, points: Float32Array, predicted: number): Promise<void> => {
        const seconds = await cpuSeconds(points, maxDimension);
        console.log(
          `${String(count).padStart(6)}  ${String(maxDimension).padStart(6)}  ${what.padEnd(19)}  ${seconds.toPrecision(3).padStart(11)}  ${predicted.toPrecision(3).padStart(9)}`,
        );
      };
      await row('drift', walk, predictRipsSeconds(count, maxDimension, DIMENSION));
      for (const kind of SURROGATE_KINDS) {
        const predicted = predictSurrogateSeconds(kind, count, maxDimension, DIMENSION);
        await row(kind, surrogate(walk, DIMENSION, kind, 1), predicted);
      }
    }
  }
}

/** The median of five calls, after one that does not count. */
async function cpuSeconds(points: Float32Array, maxDimension: 0 | 1 | 2): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 6; round++) {
    const before = process.cpuUsage();
    await ripsPersistence({ points, dimension: DIMENSION }, { maxDimension });
    const { user, system } = process.cpuUsage(before);
    if (round > 0) times.push((user + system) / 1e6);
  }
  return median(times);
}

/**
 * Unit vectors of a walk that comes back, in a dozen directions with noise in all (as in clouds.py). The
 * numbers are the same every time.
 */
function drift(count: number): Float32Array {
  let state = 1;
  const noise = (): number => {
    let total = 0;
    for (let k = 0; k < 4; k++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      total += state / 2 ** 32 - 0.5;
    }
    return total;
  };
  const points = new Float32Array(count * DIMENSION);
  const place = new Float64Array(DIMENSION);
  for (let row = 0; row < count; row++) {
    let norm = 0;
    for (let k = 0; k < DIMENSION; k++) {
      if (k < 12) place[k] = 0.95 * place[k]! + noise();
      const value = place[k]! + 0.05 * noise();
      points[row * DIMENSION + k] = value;
      norm += value * value;
    }
    for (let k = 0; k < DIMENSION; k++) points[row * DIMENSION + k]! /= Math.sqrt(norm);
  }
  return points;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function rounded(ms: number): number {
  return Number(ms.toPrecision(2));
}
