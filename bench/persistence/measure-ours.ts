/**
 * Seconds and memory of `ripsPersistence` on one cloud, as measure.py reports them for the other programs:
 *
 *   node dist/bench/persistence/measure-ours.js <file of float32> <max dimension> <threads>
 *
 * Prints "ready" when the program is loaded and the points are in memory, then one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { ripsPersistence, type RipsOptions, type RipsResult } from '../../tda/index.js';
import { CLOUD_DIMENSION } from '../common/clouds.js';

/** As in measure.py. */
const LATER_CALLS = 5;
const CALLED_AGAIN_UP_TO_SECONDS = 1;

const [file, dimension, threads] = process.argv.slice(2);
const maxDimension = ([0, 1, 2] as const).find((k) => String(k) === dimension);
if (file === undefined || maxDimension === undefined || threads === undefined) {
  throw new Error('give a file of float32, a dimension from 0 to 2, and a number of threads');
}

const bytes = readFileSync(file);
const points = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const options: RipsOptions = { maxDimension, threads: Number(threads) };
// Like measure.py, it first computes an octahedron, so that files are read and code is compiled before the
// measurement.
const octahedron = Float32Array.of(1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1);
await ripsPersistence({ points: octahedron, dimension: 3 }, { maxDimension: 2, threads: 1 });
const baseBytes = peakBytes();
console.log('ready');
const { result, seconds } = await timedCall();
const peak = peakBytes();
const laterSeconds: number[] = [];
if (seconds < CALLED_AGAIN_UP_TO_SECONDS) {
  while (laterSeconds.length < LATER_CALLS) laterSeconds.push((await timedCall()).seconds);
}
console.log(
  JSON.stringify({
    seconds,
    laterSeconds,
    baseBytes,
    peakBytes: peak,
    lengths: result.diagrams.map(finiteLength),
    edgeClasses: result.edgeClasses,
  }),
);

async function timedCall(): Promise<{ readonly result: RipsResult; readonly seconds: number }> {
  const started = performance.now();
  const result = await ripsPersistence({ points, dimension: CLOUD_DIMENSION }, options);
  return { result, seconds: (performance.now() - started) / 1000 };
}

/**
 * The kernel's own peak, if there is one. The value of getrusage may come from the process that started this
 * one.
 */
function peakBytes(): number {
  try {
    const mark = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (mark !== null) return Number(mark[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

function finiteLength(diagram: Float32Array): number {
  let sum = 0;
  for (let k = 0; k < diagram.length; k += 2) {
    if (diagram[k + 1]! < Infinity) sum += diagram[k + 1]! - diagram[k]!;
  }
  return sum;
}
