import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectStoreReadonly, type Store } from '../../db/index.js';
import { OBJECTS_FOLDER } from '../../db/layout.js';
import { databaseVariables } from '../../workers/settings/database.js';
import { CommandError } from '../common/command.js';
import { bytesUnder } from '../pipeline/our-run.js';
import { watchCommand } from '../common/watched-command.js';
import { startDatabase, type StoreKind } from './databases.js';
import { experimentFiles, poisonedRuns, type ExperimentFile } from './experiments.js';
import { CLI, startFleet, type Fleet } from './fleet.js';
import { historySizes, type HistorySizes } from './histories.js';
import { killWorkers, type Recovery } from './kills.js';
import { madeIn, queryTimes, retriedIn } from './rows.js';
import { startSampler, type Sample } from './sampler.js';
import type { ScaleShape, Series } from './series.js';

/** The figures of one shape on one kind of store. */
export interface Measured {
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
  /** Growth of the database's pages. */
  readonly databaseBytes: number;
  readonly objectBytes: number;
  /** Temporal's own state. */
  readonly temporalBytes: number;
  /** Milliseconds of the queries of commands on the full database. */
  readonly queryMs: Readonly<Record<string, number>>;
  readonly recoveries: readonly Recovery[];
  readonly doctor: { readonly seconds: number; readonly peakMiB: number } | null;
}

interface ExperimentMeasured {
  readonly runs: number;
  readonly steps: number;
  readonly finished: number;
  readonly invocations: number;
  /** From its first invocation to its last. */
  readonly seconds: number;
  /**
   * If every hundredth run was poisoned: how many had failed and how many had finished before `retry`, and
   * how many `retry` took up.
   */
  readonly poisoned: { readonly failed: number; readonly finished: number; readonly retried: number } | null;
}

export interface Measurement {
  readonly measured: Measured;
  readonly samples: readonly Sample[];
}

/**
 * The exit codes of a command that ended: with all runs done, with failed runs, or cancelled by another
 * command.
 */
const ENDED = { done: [0], withFailures: [0, 1], cancelled: [3] } as const;

/** One fleet with its folder. */
interface Laboratory {
  readonly folder: string;
  readonly data: string;
  readonly fleet: Fleet;
  readonly store: Store;
}

/**
 * Runs one shape of a series, on a database and a fleet of its own, in folders that are removed afterwards.
 */
export async function measureShape(
  shape: ScaleShape,
  series: Series,
  kind: StoreKind,
  concurrency: number,
): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-scale-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const antidote = join(folder, 'antidote');
  const database = await startDatabase(kind);
  const over = new AbortController();
  const stops: (() => Promise<void>)[] = [() => database.stop()];
  try {
    const fleet = await startFleet(data, {
      POISONED_I2T_ANTIDOTE: antidote,
      ...databaseVariables(database.service),
    });
    stops.unshift(() => fleet.stop());
    const store = await connectStoreReadonly({ folder: data, database: database.service });
    if (store === null) throw new Error('the workers made no tables');
    stops.unshift(() => store.close());
    const bytesBefore = await store.db.size();
    const cpuBefore = database.cpuSeconds();
    const sampler = startSampler();
    over.signal.addEventListener('abort', () => sampler.stop());
    const laboratory = { folder, data, fleet, store };
    const files = await experimentFiles(shape, series, concurrency);
    const startedAt = performance.now();
    const [, recoveries] = await Promise.all([
      Promise.all(files.map((file, k) => run(laboratory, series, `run-${k}`, file))),
      series.kills === 0 ? [] : killAndCancel(laboratory, files, series.kills, over.signal),
    ]);
    const failed = series.poisoned ? await retryPoisoned(laboratory, files, antidote) : null;
    const wallSeconds = (performance.now() - startedAt) / 1000;
    const cpu = {
      ...sampler.cpuSeconds(),
      ...(cpuBefore === null ? {} : { database: database.cpuSeconds()! - cpuBefore }),
    };
    sampler.stop();
    const made = await madeIn(store, null);
    const measured: Measured = {
      experiments: await Promise.all(files.map((file) => experimentMeasured(store, file, failed))),
      invocations: made.invocations,
      invocationsPerSecond: made.invocations / made.seconds,
      wallSeconds,
      cpuMs: mapValues(cpu, (seconds) => (1000 * seconds) / made.invocations),
      memoryMiB: memoryAt(sampler.samples, [0.1, 0.5, 1]),
      histories: await historySizes(fleet.address),
      databaseBytes: (await store.db.size()) - bytesBefore,
      objectBytes: bytesUnder(join(data, OBJECTS_FOLDER), /./),
      temporalBytes: bytesUnder(join(folder, 'temporal'), /./),
      queryMs: await queryTimes(store, files[0]!.id),
      recoveries,
      doctor: series.checked ? await doctor(laboratory) : null,
    };
    if (series.kills === 0) refuseMissingRows(measured);
    return { measured, samples: [...sampler.samples] };
  } finally {
    over.abort();
    for (const stop of stops) await stop();
    // Another process may have a file of the folder open.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

async function run(
  laboratory: Laboratory,
  { poisoned, kills }: Series,
  name: string,
  { text }: ExperimentFile,
): Promise<void> {
  const file = join(laboratory.folder, `${name}.json`);
  writeFileSync(file, text);
  const exitCodes = kills > 0 ? ENDED.cancelled : poisoned ? ENDED.withFailures : ENDED.done;
  await panicTda(laboratory, name, ['run', file], exitCodes);
}

async function killAndCancel(
  laboratory: Laboratory,
  files: readonly ExperimentFile[],
  kills: number,
  signal: AbortSignal,
): Promise<Recovery[]> {
  try {
    return await killWorkers(laboratory.fleet, laboratory.store, kills, signal);
  } finally {
    // Without this the commands would go on, and the function would wait for them.
    if (!signal.aborted) {
      for (const { id } of files) await panicTda(laboratory, `cancel-${id}`, ['cancel', id], ENDED.done);
    }
  }
}

/** The runs that failed and those that finished before the retry, by experiment. */
async function retryPoisoned(
  laboratory: Laboratory,
  files: readonly ExperimentFile[],
  antidote: string,
): Promise<ReadonlyMap<string, { readonly failed: number; readonly finished: number }>> {
  const before = new Map<string, { readonly failed: number; readonly finished: number }>();
  for (const { id } of files) before.set(id, await laboratory.store.experiments.runsByStatus(id));
  writeFileSync(antidote, '');
  for (const { id } of files) await panicTda(laboratory, `retry-${id}`, ['retry', id], ENDED.done);
  return before;
}

/** Runs a command to its end. */
async function panicTda(
  { fleet, folder, data }: Laboratory,
  name: string,
  words: readonly string[],
  exitCodes: readonly number[],
) {
  return await watchCommand(process.execPath, [CLI, ...words, '--data', data, '--json'], {
    env: fleet.environment,
    logFile: join(folder, `${name}.log`),
    exitCodes,
  });
}

async function doctor(laboratory: Laboratory): Promise<Measured['doctor']> {
  const { wallMs, peak } = await panicTda(laboratory, 'doctor', ['doctor'], ENDED.done);
  return { seconds: wallMs / 1000, peakMiB: peak.residentMiB };
}

async function experimentMeasured(
  store: Store,
  { id, runs, steps }: ExperimentFile,
  beforeRetry: Awaited<ReturnType<typeof retryPoisoned>> | null,
): Promise<ExperimentMeasured> {
  const { finished } = await store.experiments.runsByStatus(id);
  const before = beforeRetry?.get(id);
  const poisoned =
    before === undefined
      ? null
      : { failed: before.failed, finished: before.finished, retried: await retriedIn(store, id) };
  return { runs, steps, finished, ...(await madeIn(store, id)), poisoned };
}

/** Memory of each role at these shares of its time, in MiB: the maximum of the twentieth before. */
function memoryAt(samples: readonly Sample[], shares: readonly number[]): Record<string, number[]> {
  const roles = [...new Set(samples.map(({ role }) => role))];
  return Object.fromEntries(
    roles.map((role) => {
      const own = samples.filter((one) => one.role === role);
      const before = (share: number): readonly Sample[] =>
        own.slice(Math.floor((share - 0.05) * own.length), Math.max(1, Math.ceil(share * own.length)));
      return [
        role,
        shares.map((share) => Math.round(Math.max(...before(share).map(({ memoryMiB }) => memoryMiB)))),
      ];
    }),
  );
}

/**
 * Every run must be stored and finished, and only poisoned runs may have been made twice. Other figures are
 * of no use.
 */
function refuseMissingRows({ experiments }: Measured): void {
  for (const { runs, steps, finished, invocations, poisoned } of experiments) {
    if (invocations !== runs * steps || finished !== runs) {
      throw new CommandError(
        `of ${runs} runs x ${steps} steps, ${finished} are finished and ${invocations} invocations are there`,
      );
    }
    if (poisoned === null) continue;
    const { failed, retried } = poisoned;
    const expected = poisonedRuns(runs);
    if (failed !== expected || poisoned.finished !== runs - expected || retried !== expected) {
      throw new CommandError(
        `of ${runs} runs, ${expected} of them poisoned, ${failed} failed, ${poisoned.finished} were finished beside them, and ${retried} were retried`,
      );
    }
  }
}

function mapValues(record: Record<string, number>, map: (value: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
