import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connectStoreReadonly } from '../db/index.js';
import type { PostgresService } from '../db/index.js';
import { CommandError, runCommand } from './common/command.js';
import { startEmbeddedPostgres } from './common/embedded-postgres.js';
import { bytesUnder } from './pipeline/our-run.js';
import { experimentOf, SHAPES, type Shape } from './pipeline/shapes.js';
import { cpuSecondsOfTree } from './common/process-tree.js';
import { watchCommand } from './common/watched-command.js';

/**
 * Compares SQLite and Postgres through `panic-tda run`: after `npm run build`,
 *
 *   node dist/bench/stores.js [--shapes trivial-200x20,trivial-10k] [--rounds 3]
 *
 * The Postgres server is the one of the tests, on this machine, with fsync. CPU of the database is that of
 * its whole process tree; SQLite's is part of the workers'.
 */

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));

interface Measured {
  readonly store: 'sqlite' | 'postgres';
  readonly invocationsPerSecond: number;
  readonly commandCpuMs: number;
  readonly databaseCpuMs: number;
  readonly bytesPerInvocation: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      shapes: { type: 'string', default: 'trivial-200x20,trivial-10k' },
      rounds: { type: 'string', default: '1' },
    },
  });
  const names = values.shapes.split(',');
  const root = mkdtempSync(join(tmpdir(), 'panic-tda-stores-'));
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-postgres-'));
  const server = await startEmbeddedPostgres(folder, { while: process.pid, fsync: true });
  try {
    console.log(
      '| shape | store | invocations/s | CPU of the command, ms each | CPU of the database, ms each | bytes each |',
    );
    console.log('| --- | --- | --- | --- | --- | --- |');
    for (const name of names) {
      const shape = shapeOf(name);
      for (let round = 0; round < Number(values.rounds); round++) {
        const database = { url: server.url('postgres'), poolSize: 10 };
        const folders = ['sqlite', 'postgres'].map((store) => join(root, `${name}-${store}-${round}`));
        tell(name, await measure(shape, folders[0]!, null, () => 0));
        tell(name, await measure(shape, folders[1]!, database, () => cpuSecondsOfTree(server.pid)));
      }
    }
  } finally {
    await server.stop();
    for (const made of [root, folder]) rmSync(made, { recursive: true, force: true });
  }
}

function shapeOf(name: string): Shape {
  const shape = Object.entries(SHAPES).find(([known]) => known === name)?.[1];
  if (shape === undefined) {
    throw new CommandError(`there is no shape ${name}; there are ${Object.keys(SHAPES).join(', ')}`);
  }
  return shape;
}

async function measure(
  shape: Shape,
  folder: string,
  database: PostgresService | null,
  databaseCpuSeconds: () => number,
): Promise<Measured> {
  mkdirSync(folder);
  const data = join(folder, 'data');
  const file = join(folder, 'experiment.json');
  // Its name makes each round an experiment of its own, which reuses nothing from an earlier one.
  const experiment = {
    ...experimentOf(shape, 'Dummy'),
    name: folder,
    max_dimension: 0,
    on_cycle: 'continue',
    reuse: false,
  };
  writeFileSync(file, JSON.stringify(experiment));
  const before = { cpuSeconds: databaseCpuSeconds(), bytes: await sizeOf(data, database) };
  const use = await watchCommand(process.execPath, [CLI, 'run', file, '--data', data, '--json'], {
    env: { ...process.env, PANIC_TDA_TEST_MODELS: '1', PANIC_TDA_DATABASE: database?.url ?? '' },
    logFile: join(folder, 'output.log'),
  });
  const store = await connectStoreReadonly({ folder: data, database });
  if (store === null) throw new CommandError(`nothing was stored; see ${join(folder, 'output.log')}`);
  try {
    const id = (await store.experiments.list()).find(({ name }) => name === folder)!.id;
    const summary = await store.summaries.summary(id);
    const { computed, cycle, reused } = summary.invocations;
    const count = computed + cycle + reused;
    const seconds = ((summary.lastInvocationAt ?? 0) - (summary.firstInvocationAt ?? 0)) / 1000;
    return {
      store: database === null ? 'sqlite' : 'postgres',
      invocationsPerSecond: count / seconds,
      commandCpuMs: (1000 * use.last.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)) / count,
      databaseCpuMs: (1000 * (databaseCpuSeconds() - before.cpuSeconds)) / count,
      bytesPerInvocation: ((await sizeOf(data, database)) - before.bytes) / count,
    };
  } finally {
    await store.close();
  }
}

async function sizeOf(data: string, database: PostgresService | null): Promise<number> {
  if (database === null) {
    mkdirSync(data, { recursive: true });
    return bytesUnder(data, /^panic-tda\.sqlite/);
  }
  const store = await connectStoreReadonly({ folder: data, database });
  if (store === null) return 0;
  try {
    return await store.db.size();
  } finally {
    await store.close();
  }
}

function tell(shape: string, measured: Measured): void {
  const { store, invocationsPerSecond, commandCpuMs, databaseCpuMs, bytesPerInvocation } = measured;
  const figures = [
    invocationsPerSecond.toFixed(0),
    commandCpuMs.toFixed(1),
    store === 'sqlite' ? 'in the workers' : databaseCpuMs.toFixed(1),
    bytesPerInvocation.toFixed(0),
  ];
  console.log(`| ${[shape, store, ...figures].join(' | ')} |`);
}

await runCommand(main);
