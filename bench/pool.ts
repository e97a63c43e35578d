import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import type { Artifact } from '../experiment/artifact.js';
import { catalogue, createModelPool, type ModelPool, type ModelPoolOptions } from '../models/index.js';
import { openFolder } from '../models/files/model-files.js';
import { loadModel } from '../models/loaders.js';
import { CommandError, runCommand } from './common/command.js';

/**
 * What the pool of models costs: `node dist/bench/pool.js FOLDER` after `npm run build`, with the folder of
 * all-MiniLM-L6-v2. Besides times it prints CPU times, of this process and of the model's, which other work
 * on the machine disturbs less. Linux only.
 */

const MODEL = 'AllMiniLML6v2';
const OTHER = 'HostedT2I';
const CALLS = 400;
const CONCURRENT = [1, 8, 32];
const CYCLES = 100;
const CLOCK_TICKS = 100;
const KIB_PER_MIB = 1024;

const text = (value: string): Artifact => ({ modality: 'text', text: value });
const sentence = (number: number): Artifact =>
  text(`a red lighthouse above a calm blue sea, number ${number}`);

interface ModelProcess {
  readonly cpuMs: number;
  readonly rssMiB: number;
}

/** The processes of models that this one has started. */
function modelProcesses(): ModelProcess[] {
  const found: ModelProcess[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // Fields after the command's name, which may contain blanks. proc(5) counts from 1, and the first field
      // here is its 3.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      if (Number(fields[1]) !== process.pid) continue;
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('process-main.js')) continue;
      const cpuMs = (1000 * (Number(fields[11]) + Number(fields[12]))) / CLOCK_TICKS;
      found.push({ cpuMs, rssMiB: residentMiB(pid) });
    } catch {
      // It ended between two reads.
    }
  }
  return found;
}

function residentMiB(pid: string): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / KIB_PER_MIB;
}

interface Cost {
  readonly wallMs: number;
  readonly ownCpuMs: number;
  readonly modelCpuMs: number;
}

function modelCpuMs(): number {
  return modelProcesses().reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const before = modelCpuMs();
  const own = process.cpuUsage();
  const started = performance.now();
  await work();
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(own);
  return { wallMs, ownCpuMs: (user + system) / 1000, modelCpuMs: modelCpuMs() - before };
}

function row(name: string, { wallMs, ownCpuMs, modelCpuMs }: Cost, calls: number, more = ''): void {
  const figures = [wallMs, ownCpuMs, modelCpuMs].map((ms) => (ms / calls).toFixed(2).padStart(10));
  const perSecond = ((1000 * calls) / wallMs).toFixed(0).padStart(8);
  console.log(`${name.padEnd(34)}${figures.join('')}${perSecond}  ${more}`);
}

async function concurrently(callers: number, call: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < CALLS) await call(next++);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

async function withPool<T>(
  options: Partial<ModelPoolOptions>,
  folder: string,
  work: (pool: ModelPool) => Promise<T>,
): Promise<T> {
  const devices = { device: 'cpu', ...options.devices } as const;
  const folders = { [MODEL]: folder };
  const pool = await createModelPool({ modelsFolder: '.', testModels: true, ...options, devices, folders });
  try {
    return await work(pool);
  } finally {
    await pool.close();
  }
}

async function invocations(folder: string): Promise<void> {
  console.log(`${CALLS} calls, milliseconds for each\n`);
  console.log(`${' '.repeat(34)}      wall  own CPU model CPU     1/s`);
  const model = catalogue.get(MODEL);
  if (model?.kind !== 'embedding') throw new Error(`${MODEL} is no embedding model of the catalogue`);
  const loaded = await loadModel({ model, files: await openFolder(model, folder), device: 'cpu' });
  if (loaded.kind !== 'embedding') throw new Error(`${MODEL} does not embed`);
  await loaded.embed([sentence(0)]);
  row(
    'MiniLM, the session directly',
    await costOf(() =>
      concurrently(1, async (number) => {
        await loaded.embed([sentence(number)]);
      }),
    ),
    CALLS,
  );
  await withPool({}, folder, async (pool) => {
    await pool.embed(MODEL, [sentence(0)]);
    for (const callers of CONCURRENT) {
      const cost = await costOf(() =>
        concurrently(callers, async (number) => {
          await pool.embed(MODEL, [sentence(number)]);
        }),
      );
      row(`MiniLM, the pool, ${callers} at once`, cost, CALLS);
    }
    await pool.generate(OTHER, sentence(0), 0);
    for (const callers of CONCURRENT) {
      let batches = 0;
      const cost = await costOf(() =>
        concurrently(callers, async (number) => {
          const { batchSize } = await pool.generate(OTHER, sentence(number), number);
          batches += 1 / batchSize;
        }),
      );
      const batch = `in batches of ${(CALLS / batches).toFixed(1)}`;
      row(`256 x 256 of one colour, ${callers} at once`, cost, CALLS, batch);
    }
  });
}

/** Two models of which one fits: each call of one unloads the other. */
async function loadCycles(folder: string): Promise<void> {
  await withPool({ devices: { ramMiB: 250 } }, folder, async (pool) => {
    const cycle = async (number: number): Promise<void> => {
      await pool.embed(MODEL, [sentence(number)]);
      await pool.generate(OTHER, sentence(number), number);
    };
    for (let number = 0; number < 5; number++) await cycle(number);
    globalThis.gc?.();
    const before = residentMiB(String(process.pid));
    const started = performance.now();
    for (let number = 0; number < CYCLES; number++) await cycle(number);
    const cycleMs = (performance.now() - started) / CYCLES;
    globalThis.gc?.();
    const after = residentMiB(String(process.pid));
    const left = modelProcesses().map(({ rssMiB }) => `${rssMiB.toFixed(0)} MiB`);
    console.log(
      `\n${CYCLES} cycles of loading and unloading two models: ${cycleMs.toFixed(0)} ms each; this process ` +
        `${before.toFixed(0)} MiB before and ${after.toFixed(0)} MiB after; processes of models left: ${left.join(', ')}`,
    );
  });
}

await runCommand(async () => {
  const folder = process.argv[2];
  if (folder === undefined)
    throw new CommandError('usage: node dist/bench/pool.js FOLDER_OF_ALL_MINILM_L6_V2');
  console.log(`${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}\n`);
  await invocations(folder);
  await loadCycles(folder);
  console.log(`load at the end ${loadavg()[0]!.toFixed(1)}`);
});
