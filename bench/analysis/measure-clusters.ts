/**
 * Seconds and memory of `clusterCorpus` on a made-up corpus:
 *
 *   node dist/bench/analysis/measure-clusters.js <distinct vectors> <threads> <seed>
 *
 * Prints one line of JSON: see ClusterMeasurement.
 */
import { clusterCorpus, predictCorpusMemory } from '../../analysis/index.js';
import { madeUpCorpus } from './made-up-corpus.js';
import type { ClusterMeasurement } from './cluster-measurement.js';

const [rows, threads, seed] = process.argv.slice(2).map(Number);
if (rows === undefined || threads === undefined || seed === undefined) {
  throw new Error('give a number of distinct vectors, a number of threads, and a seed');
}
const corpus = madeUpCorpus(rows, seed);
const baseBytes = peakBytes();
const cpuBefore = process.cpuUsage();
const started = performance.now();
const { clusters, noise, projection } = await clusterCorpus(corpus, { threads });
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
const measured: ClusterMeasurement = {
  seconds,
  cpuSeconds: (user + system) / 1e6,
  inputBytes: corpus.vectors.byteLength,
  baseBytes,
  peakBytes: peakBytes(),
  predictedBytes: predictCorpusMemory(rows, { dimension: corpus.dimension, threads }),
  clusters: clusters.length,
  noiseOfTime: noise[1]!.ofTime,
  explainedVariance: projection?.explainedVariance ?? null,
};
console.log(JSON.stringify(measured));

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
