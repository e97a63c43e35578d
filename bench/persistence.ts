/**
 * Seconds and memory of `ripsPersistence` on clouds like the embeddings of a run (unit vectors, 768-d):
 *
 * - drift: a mean-reverting walk in a 12-dimensional subspace, with noise in all dimensions;
 * - walk: a plain random walk, every coordinate;
 * - iid: independent directions, all distances alike; the worst case, to know where it lies.
 *
 *   node --expose-gc dist/bench/persistence.js <family> <points> <max dimension>
 */
import { ripsPersistence, predictRipsMemory } from '../tda/index.js';

const DIMENSION = 768;

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

function normalise(points: Float64Array): Float32Array {
  for (let start = 0; start < points.length; start += DIMENSION) {
    const row = points.subarray(start, start + DIMENSION);
    const norm = Math.hypot(...row);
    for (let c = 0; c < DIMENSION; c++) row[c] = row[c]! / norm;
  }
  return Float32Array.from(points);
}

const families: Record<string, (count: number) => Float32Array> = {
  drift(count) {
    const random = seededRandom(1);
    const axes = Array.from({ length: 13 }, () =>
      Float64Array.from({ length: DIMENSION }, () => gaussian(random) / Math.sqrt(DIMENSION)),
    );
    const memory = Math.exp(-1 / 20);
    const state = Float64Array.from({ length: 12 }, () => gaussian(random) / Math.sqrt(12));
    const points = new Float64Array(count * DIMENSION);
    for (let row = 0; row < count; row++) {
      for (let c = 0; c < DIMENSION; c++) {
        let x = 0.8 * axes[12]![c]! + (0.15 / Math.sqrt(DIMENSION)) * gaussian(random);
        for (let k = 0; k < 12; k++) x += state[k]! * axes[k]![c]!;
        points[row * DIMENSION + c] = x;
      }
      for (let k = 0; k < 12; k++) {
        state[k] = memory * state[k]! + Math.sqrt((1 - memory * memory) / 12) * gaussian(random);
      }
    }
    return normalise(points);
  },
  walk(count) {
    const random = seededRandom(2);
    const points = new Float64Array(count * DIMENSION);
    for (let k = 0; k < points.length; k++) points[k] = (points[k - DIMENSION] ?? 0) + gaussian(random);
    return Float32Array.from(points);
  },
  iid(count) {
    const random = seededRandom(3);
    return normalise(Float64Array.from({ length: count * DIMENSION }, () => gaussian(random)));
  },
};

const [family = 'drift', count = '300', dimension = '2'] = process.argv.slice(2);
const maxDimension = ([0, 1, 2] as const).find((k) => String(k) === dimension) ?? 2;
const points = families[family]!(Number(count));
globalThis.gc?.();
const before = process.memoryUsage.rss();
let peak = before;
// The kernel lets timers run between its phases and about every 50 ms.
const sampler = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 5);
const started = performance.now();
const startedCpu = process.cpuUsage();
const result = await ripsPersistence({ points, dimension: DIMENSION }, { maxDimension });
const seconds = (performance.now() - started) / 1000;
const cpu = process.cpuUsage(startedCpu);
clearInterval(sampler);
const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
console.log(
  JSON.stringify({
    family,
    points: Number(count),
    maxDimension,
    seconds: Number(seconds.toFixed(2)),
    cpuSeconds: Number(((cpu.user + cpu.system) / 1e6).toFixed(2)),
    edges: result.edgeCount,
    bars: result.diagrams.map((diagram) => diagram.length / 2),
    peakMiB: mebibytes(peak - before),
    predictedMiB: mebibytes(predictRipsMemory(Number(count), maxDimension)),
  }),
);
