/**
 * Seconds and memory of `ripsPersistence` on one cloud, as measure.py gives them of the other programs:
 *
 *   node dist/bench/persistence/measure-ours.js <file of float32> <max dimension> <threads>
 *
 * Says "ready" when the points are in memory, then gives one line of JSON. Nothing is called beforehand to warm up.
 */
import { readFileSync } from 'node:fs';
import { ripsPersistence, type RipsOptions } from '../../tda/index.js';
import { CLOUD_DIMENSION } from '../clouds.js';

/** Beyond this the compiler no longer matters. */
const SECOND_CALL_UP_TO_SECONDS = 1;

const [file, dimension, threads] = process.argv.slice(2);
const maxDimension = ([0, 1, 2] as const).find((k) => String(k) === dimension);
if (file === undefined || maxDimension === undefined || threads === undefined) {
  throw new Error('give a file of float32, a dimension from 0 to 2, and a number of threads');
}

const bytes = readFileSync(file);
const points = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const baseBytes = peakBytes();
console.log('ready');
const started = performance.now();
const options: RipsOptions & { threads?: number } = { maxDimension, threads: Number(threads) };
const result = await ripsPersistence({ points, dimension: CLOUD_DIMENSION }, options);
const seconds = (performance.now() - started) / 1000;
const peak = peakBytes();
console.log(
  JSON.stringify({
    seconds,
    baseBytes,
    peakBytes: peak,
    lengths: result.diagrams.map(finiteLength),
    secondCallSeconds: seconds < SECOND_CALL_UP_TO_SECONDS ? await secondCall() : undefined,
    edgeClasses: 'edgeClasses' in result ? result.edgeClasses : undefined,
  }),
);

/** What a long-lived process sees, the code being compiled. */
async function secondCall(): Promise<number> {
  const started = performance.now();
  await ripsPersistence({ points, dimension: CLOUD_DIMENSION }, options);
  return (performance.now() - started) / 1000;
}

/** The kernel's own mark where there is one: that of getrusage may be left from the process that started this one. */
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
