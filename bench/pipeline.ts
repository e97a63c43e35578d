import { Client, Connection } from '@temporalio/client';
import Database from 'better-sqlite3';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATABASE_FILE, OBJECTS_FOLDER } from '../db/layout.js';
import { findTemporalCli } from '../workers/temporal-cli.js';
import { startTemporalServer } from '../workers/temporal-server.js';
import { processesOf } from './process-tree.js';
import type { ProcessUse } from './process-tree.js';

/**
 * Runs whole experiments with `panic-tda run`, one after the other, and prints what each took: `node dist/bench/pipeline.js
 * [shape ...]` after `npm run build`. Times depend on the machine; run all shapes to be compared in one call.
 */

interface Shape {
  readonly runs: number;
  readonly length: number;
  readonly network: readonly string[];
  readonly seed: number;
  /** Of the embedder; null for the trivial one. */
  readonly maxDimension: 0 | 1 | 2;
}

const TRIVIAL = ['DummyT2I', 'DummyI2T'];
const PROCEDURAL = ['ProceduralPainter', 'ProceduralDescriber'];

const SHAPES: Readonly<Record<string, Shape>> = {
  'trivial-10k': { runs: 1, length: 10_000, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'trivial-10k-fixed': { runs: 1, length: 10_000, network: TRIVIAL, seed: 1, maxDimension: 0 },
  'procedural-10k': { runs: 1, length: 10_000, network: PROCEDURAL, seed: -1, maxDimension: 0 },
  'procedural-10k-fixed': { runs: 1, length: 10_000, network: PROCEDURAL, seed: 1, maxDimension: 0 },
  'trivial-50x100': { runs: 50, length: 100, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'trivial-200x20': { runs: 200, length: 20, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'trivial-200x50': { runs: 200, length: 50, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'procedural-200x50': { runs: 200, length: 50, network: PROCEDURAL, seed: -1, maxDimension: 2 },
  'slow-1x200': { runs: 1, length: 200, network: ['SlowT2I', 'SlowI2T'], seed: -1, maxDimension: 0 },
};

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const SAMPLE_MS = 250;

async function measure(name: string, shape: Shape): Promise<Record<string, string | number>> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-bench-'));
  const data = join(folder, 'data');
  const file = join(folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(experimentOf(shape)));
  try {
    const { wallMs, peakMiB, last } = await runToItsEnd(file, data);
    const rows = countsOf(data);
    const temporal = await historiesOf(data);
    const cpu = (role: string) => last.find((use) => use.role === role)?.cpuSeconds ?? NaN;
    const rss = (role: string) => Math.round(last.find((use) => use.role === role)?.rssMiB ?? NaN);
    const workers = last.filter((use) => use.role.startsWith('worker'));
    const workerCpu = workers.reduce((sum, use) => sum + use.cpuSeconds, 0);
    return {
      shape: name,
      'command s': (wallMs / 1000).toFixed(1),
      invocations: rows.invocations,
      'invocations/s': Math.round((1000 * rows.invocations) / rows.spanMs),
      'ms/invocation': (rows.spanMs / rows.invocations).toFixed(2),
      'model ms': rows.modelMs.toFixed(2),
      'server CPU ms/inv': ((1000 * cpu('server')) / rows.invocations).toFixed(2),
      'workers CPU ms/inv': ((1000 * workerCpu) / rows.invocations).toFixed(2),
      'peak MiB, all': Math.round(peakMiB),
      'server MiB': rss('server'),
      'workers MiB': workers.map((use) => Math.round(use.rssMiB)).join('+'),
      'history events': temporal.events,
      'longest history': temporal.longest,
      'continued as new': temporal.continued,
      'database MiB': (rows.databaseBytes / 2 ** 20).toFixed(1),
      'objects MiB': (rows.objectBytes / 2 ** 20).toFixed(1),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function experimentOf({ runs, length, network, seed, maxDimension }: Shape) {
  return {
    networks: [network],
    prompts: Array.from({ length: runs }, (_, number) => `a picture of thing number ${number}`),
    seeds: [seed],
    embedding_models: ['Dummy'],
    max_length: length,
    max_dimension: maxDimension,
    on_cycle: 'continue',
  };
}

async function runToItsEnd(file: string, data: string) {
  const started = performance.now();
  const child = spawn(process.execPath, [CLI, 'run', file, '--data', data, '--json'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PANIC_TDA_TEST_MODELS: '1' },
  });
  let peakMiB = 0;
  let last: ProcessUse[] = [];
  const sampler = setInterval(() => {
    const uses = processesOf(data);
    peakMiB = Math.max(
      peakMiB,
      uses.reduce((sum, use) => sum + use.rssMiB, 0),
    );
    // The last look at all of them; at the end they leave one by one.
    if (uses.length >= last.length) last = uses;
  }, SAMPLE_MS);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(sampler);
  if (code !== 0) throw new Error(`panic-tda run ended with code ${code}`);
  return { wallMs: performance.now() - started, peakMiB, last };
}

function countsOf(data: string) {
  const db = new Database(join(data, DATABASE_FILE), { readonly: true });
  try {
    const row = db
      .prepare(
        `select count(*) as invocations, max(created_at) - min(created_at) as spanMs,
           coalesce(sum(compute_ms), 0) / count(*) as modelMs from invocations`,
      )
      .get() as { invocations: number; spanMs: number; modelMs: number };
    return {
      ...row,
      databaseBytes: bytesUnder(data, /^panic-tda\.sqlite/),
      objectBytes: bytesUnder(join(data, OBJECTS_FOLDER), /./),
    };
  } finally {
    db.close();
  }
}

function bytesUnder(folder: string, name: RegExp): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Events and executions that the run left in Temporal, from the server's own state. */
async function historiesOf(data: string) {
  const server = await startTemporalServer({
    cli: await findTemporalCli({ fetch: false }),
    databaseFile: join(data, 'temporal', 'temporal.sqlite'),
    logFile: join(data, 'logs', 'bench-server.log'),
  });
  const connection = await Connection.connect({ address: server.address });
  try {
    let events = 0;
    let longest = 0;
    let continued = 0;
    for await (const { status, historyLength } of new Client({ connection }).workflow.list()) {
      events += historyLength;
      longest = Math.max(longest, historyLength);
      if (status.name === 'CONTINUED_AS_NEW') continued++;
    }
    return { events, longest, continued };
  } finally {
    await connection.close();
    await server.stop();
  }
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SHAPES));
if (unknown.length > 0) {
  console.error(`unknown shapes ${unknown.join(', ')}; there are ${Object.keys(SHAPES).join(', ')}`);
  process.exit(2);
}
const results = [];
for (const name of wanted.length > 0 ? wanted : Object.keys(SHAPES)) {
  const result = await measure(name, SHAPES[name]!);
  console.error(JSON.stringify(result));
  results.push(result);
}
for (const key of Object.keys(results[0] ?? {})) {
  console.log([key.padEnd(20), ...results.map((result) => String(result[key]).padStart(20))].join(' '));
}
