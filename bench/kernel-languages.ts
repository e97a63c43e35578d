/**
 * The most frequent step of the kernel: intersect the neighbourhoods of an edge's ends, and look for an apex
 * of the intersection. Measured in AssemblyScript (the functions of tda/assembly/kernel.ts themselves), in
 * WebAssembly's text format by hand, and in TypeScript: nanoseconds per edge, and whether all three give the
 * same answers.
 *
 *   node dist/bench/kernel-languages.js [--points 1500] [--python PATH]
 *
 * The graph is that of a drifting cloud with half of its edges added; the measured edges are those that come
 * next.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import binaryen from 'assemblyscript/binaryen';
import { enclosingRadius, sortedEdges } from '../tda/edges.js';
import { euclideanDistances } from '../tda/index.js';
import { linkKernelBytes } from '../tda/kernel.js';
import { atOnce } from '../tda/pacer.js';
import { CLOUD_DIMENSION, writeCloud } from './common/clouds.js';
import { CommandError, runCommand } from './common/command.js';
import { apexes } from './kernel-languages/typescript.js';
import { markdownTable } from './common/markdown.js';
import { pythonWithPrograms, script } from './common/python-programs.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EDGES = 20_000;
const ROUNDS = 15;
/** Where the graph begins in memory. */
const BASE = 1024;
const PAGE = 65_536;

await runCommand(async () => {
  const { values } = parseArgs({
    options: { points: { type: 'string', default: '1500' }, python: { type: 'string' } },
  });
  const pointCount = Number(values.points);
  if (!Number.isInteger(pointCount) || pointCount < 300 || pointCount > 5000) {
    throw new CommandError(`--points is ${values.points}; expected a whole number from 300 to 5000`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-bench-'));
  try {
    const edges = edgesOfDrift(pythonWithPrograms(values.python), folder, pointCount);
    const half = edges.length >> 1;
    const next = edges.slice(half, half + EDGES);
    const contestants = prepare(folder, pointCount, edges.subarray(0, half), next);
    console.log(measured(contestants, next.length));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Writes the answers for all edges into the array. */
interface Contestant {
  readonly label: string;
  readonly answer: () => Int32Array;
}

function edgesOfDrift(python: string, folder: string, pointCount: number): Uint32Array {
  const bytes = readFileSync(writeCloud(python, folder, 'drift', pointCount, 1));
  const points = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const distances = euclideanDistances(points, CLOUD_DIMENSION);
  const radius = atOnce(enclosingRadius(distances, pointCount));
  return atOnce(sortedEdges(distances, pointCount, radius, (size) => new ArrayBuffer(size)));
}

/** All three use the same rows in the same memory, which the kernel makes. */
function prepare(folder: string, pointCount: number, graph: Uint32Array, next: Uint32Array): Contestant[] {
  const stride = 16 * Math.ceil(pointCount / 128);
  const edges = 16 * Math.ceil(linkKernelBytes(pointCount).total / 16);
  const out = edges + 4 * Math.max(graph.length, next.length);
  const lune = 16 * Math.ceil((out + 4 * next.length) / 16);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((lune + 2 * stride) / PAGE) });
  const kernel = instance(kernelWithApexes(folder), memory);
  const byHand = instance(assembled('kernel-languages/apexes.wat'), memory);
  kernel['makeGraph']!(pointCount, BASE);
  new Uint32Array(memory.buffer, edges).set(graph);
  kernel['addEdges']!(edges, graph.length);
  new Uint32Array(memory.buffer, edges).set(next);

  const rows = new Uint32Array(memory.buffer, BASE, (pointCount * stride) / 4);
  const answers = new Int32Array(memory.buffer, out, next.length);
  const after = (call: () => void) => () => {
    answers.fill(-2);
    call();
    return answers;
  };
  return [
    { label: 'AssemblyScript', answer: after(() => kernel['apexes']!(edges, next.length, out)) },
    {
      label: 'text format by hand',
      answer: after(() => byHand['apexes']!(BASE, stride, lune, lune + stride, edges, next.length, out)),
    },
    { label: 'TypeScript', answer: after(() => apexes(rows, stride / 4, next, answers)) },
  ];
}

/**
 * Measures in turns, so that other work of the machine disturbs all of them. Takes the best round of each.
 */
function measured(contestants: readonly Contestant[], edgeCount: number): string {
  const best = contestants.map(() => Infinity);
  const first = contestants[0]!.answer().slice();
  for (let round = 0; round < ROUNDS; round++) {
    contestants.forEach(({ label, answer }, k) => {
      const started = performance.now();
      const answers = answer();
      best[k] = Math.min(best[k]!, performance.now() - started);
      const differing = answers.findIndex((apex, edge) => apex !== first[edge]);
      if (differing >= 0) {
        throw new Error(
          `edge ${differing}: ${label} says ${answers[differing]}, ${contestants[0]!.label} ${first[differing]}`,
        );
      }
    });
  }
  const cones = first.filter((apex) => apex >= 0).length;
  const rows = contestants.map(({ label }, k) => {
    return [label, ((1e6 * best[k]!) / edgeCount).toFixed(0), (best[k]! / best[0]!).toFixed(2)];
  });
  return (
    `${edgeCount} edges, ${cones} with an apex; all answers equal\n\n` +
    markdownTable(['language', 'ns per edge', 'times AssemblyScript'], rows, 1)
  );
}

/**
 * The kernel as scripts/build.mjs compiles it, with one more function that calls functions which the kernel
 * does not export.
 */
function kernelWithApexes(folder: string): Uint8Array {
  const source = `${readFileSync(join(ROOT, 'tda/assembly/kernel.ts'), 'utf8')}
export function apexes(edges: usize, count: i32, out: usize): void {
  for (let k = 0; k < count; k++) {
    const edge = load<u32>(at(edges, k));
    const hasLink = intersect((edge >> 16) as i32, (edge & 0xffff) as i32);
    store<i32>(at(out, k), hasLink ? apex() : -1);
  }
}
`;
  writeFileSync(join(folder, 'kernel.ts'), source);
  const asc = join(ROOT, 'node_modules', 'assemblyscript', 'bin', 'asc.js');
  const options = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory'];
  const features = ['--enable', 'simd', '--enable', 'bulk-memory'];
  const args = [asc, 'kernel.ts', '--outFile', 'kernel.wasm', ...options, ...features];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`asc reported:\n${stderr}`);
  return readFileSync(join(folder, 'kernel.wasm'));
}

/** As written, since binaryen only parses it. */
function assembled(file: string): Uint8Array {
  const module = binaryen.parseText(readFileSync(script(file), 'utf8'));
  module.setFeatures(binaryen.Features.SIMD128);
  if (module.validate() === 0) throw new Error(`${file} is no valid module`);
  return module.emitBinary();
}

type KernelFunction = (...args: number[]) => void;

function instance(binary: Uint8Array, memory: WebAssembly.Memory): Record<string, KernelFunction> {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } });
  return Object.fromEntries(
    Object.entries(exports).filter(
      (entry): entry is [string, KernelFunction] => typeof entry[1] === 'function',
    ),
  );
}
