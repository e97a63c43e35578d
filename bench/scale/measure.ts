import Database from 'better-sqlite3';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStoreReadonly } from '../../db/index.js';
import { DATABASE_FILE, OBJECTS_FOLDER } from '../../db/layout.js';
import { experimentId } from '../../experiment/ids.js';
import { validateExperiment } from '../../experiment/index.js';
import { loadCatalogue } from '../../models/index.js';
import { CommandError } from '../command.js';
import { bytesUnder } from '../pipeline/our-run.js';
import { watchCommand } from '../watched-command.js';
import { CLI, startFleet, type Fleet } from './fleet.js';
import { historySizes, type HistorySizes } from './histories.js';
import { killWorkers, recoveries, type Recovery } from './kills.js';
import type { ScaleOptions, ScaleShape } from './options.js';
import { startSampler, type Sample } from './sampler.js';

/** What one shape took. Bytes are those of files. */
export interface Measured {
  readonly shape: string;
  readonly experiments: readonly ExperimentMeasured[];
  readonly invocations: number;
  readonly invocationsPerSecond: number;
  /** From the start of the first command to the end of the last. */
  readonly wallSeconds: number;
  /** Milliseconds of processor time for each invocation, by role of the processes. */
  readonly cpuMs: Readonly<Record<string, number>>;
  /** At a tenth, half and all of the time: MiB by role. */
  readonly memoryMiB: Readonly<Record<string, readonly number[]>>;
  readonly histories: Readonly<Record<string, HistorySizes>>;
  readonly databaseBytes: number;
  readonly objectBytes: number;
  /** Temporal's own state. */
  readonly temporalBytes: number;
  /** Milliseconds of the questions that commands ask, of the full database. */
  readonly queryMs: Readonly<Record<string, number>>;
  readonly recoveries: readonly Recovery[];
  readonly doctor: { readonly seconds: number; readonly peakMiB: number } | null;
}

interface ExperimentMeasured {
  readonly experiment: string;
  readonly runs: Readonly<Record<string, number>>;
  /** Of the first command, from its start; and of "retry", where there was one. */
  readonly seconds: readonly number[];
}

export interface Measurement {
  readonly measured: Measured;
  readonly samples: readonly Sample[];
}

const TRIVIAL = ['DummyT2I', 'DummyI2T'];
const POISONED = ['DummyT2I', 'PoisonedI2T'];

/** Runs one shape on a fleet of its own, in a folder that is gone afterwards. */
export async function measureShape(shape: ScaleShape, options: ScaleOptions): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-scale-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const antidote = join(folder, 'antidote');
  const fleet = await startFleet(data, { POISONED_I2T_ANTIDOTE: antidote });
  const sampler = startSampler();
  const over = new AbortController();
  try {
    const startedAt = performance.now();
    const killing = killWorkers(
      fleet,
      { count: options.kills, everySeconds: options.killSeconds },
      () => hasSteps(data),
      over.signal,
    );
    const files = experimentFiles(shape, options);
    const first = await Promise.all(files.map((file, k) => run(fleet, folder, data, `run-${k}`, file)));
    over.abort();
    const kills = await killing;
    const again: number[] = [];
    if (options.poisoned) {
      writeFileSync(antidote, '');
      for (const [k, { id }] of files.entries()) {
        again.push(await panicTda(fleet, folder, data, `retry-${k}`, ['retry', id], [0]));
      }
    }
    const wallSeconds = (performance.now() - startedAt) / 1000;
    const cpu = sampler.cpuSeconds();
    const rows = rowsOf(data);
    const measured: Measured = {
      shape: `${shape.runs}x${shape.steps}`,
      experiments: files.map(({ id }, k) => ({
        experiment: id,
        runs: rows.runs.get(id) ?? {},
        seconds: [first[k]!, ...(options.poisoned ? [again[k]!] : [])],
      })),
      invocations: rows.invocations,
      invocationsPerSecond: (1000 * rows.invocations) / rows.spanMs,
      wallSeconds,
      cpuMs: mapValues(cpu, (seconds) => (1000 * seconds) / rows.invocations),
      memoryMiB: memoryAt(sampler.samples, [0.1, 0.5, 1]),
      histories: await historySizes(fleet.address),
      databaseBytes: bytesUnder(data, /^panic-tda\.sqlite/),
      objectBytes: bytesUnder(join(data, OBJECTS_FOLDER), /./),
      temporalBytes: bytesUnder(join(folder, 'temporal'), /./),
      queryMs: await queryTimes(data, files[0]!.id),
      recoveries: rows.recoveries(kills),
      doctor: options.checked ? await doctor(fleet, folder, data) : null,
    };
    rows.close();
    refuseMissingRows(shape, options, measured);
    return { measured, samples: [...sampler.samples] };
  } finally {
    over.abort();
    sampler.stop();
    await fleet.stop();
    // Somebody may be looking into it.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

function hasSteps(data: string): boolean {
  try {
    const db = new Database(join(data, DATABASE_FILE), { readonly: true });
    try {
      return db.prepare('select 1 from invocations limit 1').get() !== undefined;
    } finally {
      db.close();
    }
  } catch {
    // The file or its tables are being made.
    return false;
  }
}

interface ExperimentFile {
  readonly id: string;
  readonly text: string;
}

/** Seeds of their own for all runs, which are fixed where every hundredth is to be poisoned. */
function experimentFiles(shape: ScaleShape, options: ScaleOptions): ExperimentFile[] {
  const seeds = options.poisoned
    ? { seeds: Array.from({ length: shape.runs }, (_, seed) => seed) }
    : { seed_count: shape.runs };
  return Array.from({ length: options.experiments }, (_, k) => {
    const experiment = {
      name: `scale ${k}`,
      networks: [options.poisoned ? POISONED : TRIVIAL],
      prompts: ['a picture of a thing'],
      ...seeds,
      embedding_models: options.embedded ? ['Dummy'] : [],
      max_length: shape.steps,
      max_dimension: 0,
      on_cycle: 'continue',
      concurrency: options.concurrency,
    };
    const catalogue = loadCatalogue({ modelsFolder: '.', testModels: true, catalogueFile: undefined });
    const validation = validateExperiment(experiment, catalogue);
    if (!validation.ok) throw new CommandError(validation.problems.map(({ message }) => message).join('\n'));
    return { id: experimentId(validation.config), text: JSON.stringify(experiment) };
  });
}

function run(
  fleet: Fleet,
  folder: string,
  data: string,
  name: string,
  { text }: ExperimentFile,
): Promise<number> {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, text);
  return panicTda(fleet, folder, data, name, ['run', file], [0, 1]);
}

/** Runs a command to its end; returns its seconds. */
async function panicTda(
  { environment }: Fleet,
  folder: string,
  data: string,
  name: string,
  words: readonly string[],
  exitCodes: readonly number[],
): Promise<number> {
  const { wallMs } = await watchCommand(process.execPath, [CLI, ...words, '--data', data, '--json'], {
    env: environment,
    logFile: join(folder, `${name}.log`),
    exitCodes,
  });
  return wallMs / 1000;
}

async function doctor(fleet: Fleet, folder: string, data: string): Promise<Measured['doctor']> {
  const { wallMs, peak } = await watchCommand(process.execPath, [CLI, 'doctor', '--data', data], {
    env: fleet.environment,
    logFile: join(folder, 'doctor.log'),
  });
  return { seconds: wallMs / 1000, peakMiB: peak.residentMiB };
}

function rowsOf(data: string) {
  const db = new Database(join(data, DATABASE_FILE), { readonly: true });
  const { invocations, spanMs } = db
    .prepare('select count(*) as invocations, max(created_at) - min(created_at) as spanMs from invocations')
    .get() as { invocations: number; spanMs: number };
  const runs = new Map<string, Record<string, number>>();
  const byStatus = db.prepare<[], { id: string; status: string; runs: number }>(
    'select experiment_id as id, status, count(*) as runs from runs group by experiment_id, status',
  );
  for (const { id, status, runs: count } of byStatus.iterate()) {
    runs.set(id, { ...runs.get(id), [status]: count });
  }
  return {
    invocations,
    spanMs,
    runs,
    recoveries: (kills: Parameters<typeof recoveries>[1]) => recoveries(db, kills),
    close: () => db.close(),
  };
}

async function queryTimes(data: string, id: string): Promise<Record<string, number>> {
  const store = openStoreReadonly(data);
  if (store === null) throw new CommandError(`${data} has no database`);
  try {
    const times: Record<string, number> = {};
    const time = async (name: string, query: () => unknown): Promise<void> => {
      const startedAt = performance.now();
      await query();
      times[name] = performance.now() - startedAt;
    };
    await time('progress', () => store.summaries.progress(id));
    await time('recent rate', () => store.summaries.recentRate(id, Date.now()));
    await time('runs by status', () => store.experiments.runsByStatus(id));
    await time('last failure', () => store.runs.lastFailure(id));
    await time('summary', () => store.summaries.summary(id));
    return times;
  } finally {
    await store.close();
  }
}

/** Resident memory of each role at these shares of the time, the most of the twentieth before. */
function memoryAt(samples: readonly Sample[], shares: readonly number[]): Record<string, number[]> {
  const end = samples.at(-1)?.seconds ?? 0;
  const roles = [...new Set(samples.map(({ role }) => role))];
  return Object.fromEntries(
    roles.map((role) => [
      role,
      shares.map((share) =>
        Math.round(
          samples
            .filter((one) => one.role === role)
            .filter(({ seconds }) => seconds <= share * end && seconds >= (share - 0.05) * end)
            .reduce((most, { rssMiB }) => Math.max(most, rssMiB), 0),
        ),
      ),
    ]),
  );
}

/** Every run must be there and finished: figures of something else are of no use. */
function refuseMissingRows(
  { runs, steps }: ScaleShape,
  options: ScaleOptions,
  { invocations, experiments }: Measured,
): void {
  const expected = runs * steps * options.experiments;
  const finished = experiments.map((one) => one.runs['finished'] ?? 0);
  if (invocations === expected && finished.every((count) => count === runs)) return;
  throw new CommandError(
    `${invocations} invocations and ${finished.join(', ')} finished runs; expected ${expected} and ${runs} each`,
  );
}

function mapValues(record: Record<string, number>, map: (value: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
