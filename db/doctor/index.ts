import type Database from 'better-sqlite3';
import { setImmediate } from 'node:timers/promises';
import { PanicError } from '../../experiment/errors.js';
import { openSnapshot } from '../connection.js';
import type { Connection } from '../connection.js';
import type { ObjectStore } from '../objects.js';
import { checkArtifacts } from './artifacts.js';
import type { EntropyOf } from './bars.js';
import { checkDatabase } from './database.js';
import { diagramCheck } from './diagrams.js';
import { embeddingCheck } from './embeddings.js';
import { checkConfig, planCheck, statusCheck } from './experiment.js';
import type { ExperimentRecord } from './experiment.js';
import { trajectoryCheck } from './trajectory.js';
import type { RunRecord } from './trajectory.js';
import { checkVectors } from './vectors.js';
import { RESTORE } from './violation.js';
import type { Violation } from './violation.js';

export { INVARIANTS } from './violation.js';
export type { Invariant, Violation } from './violation.js';
export type { EntropyOf } from './bars.js';

export interface DoctorOptions {
  /** Only this experiment, and what its rows point at; the database file as a whole is then not checked. */
  readonly experiment?: string;
  /** Also decode every picture and compare its size with its row. */
  readonly deep?: boolean;
  /** Persistence entropy of a diagram (`persistenceEntropy` of the room of topology), to compare with the recorded one. */
  readonly entropyOf?: EntropyOf;
}

/** Something worth knowing that breaks no invariant. */
export interface Note {
  readonly path: string;
  readonly message: string;
}

const LEFTOVER_AGE_MS = 3_600_000;

/**
 * Names every row that breaks an invariant of the store, one at a time: neither tables nor findings are held in memory.
 * Changes nothing. It sees the database as it is at the first step and may run beside workers; objects are looked at as
 * they are. Throws InvalidInput for an experiment that is not there.
 */
export async function* checkInvariants(
  db: Connection,
  objects: ObjectStore,
  options: DoctorOptions = {},
): AsyncGenerator<Violation, void, undefined> {
  const { experiment = null, deep = false, entropyOf = null } = options;
  const snapshot = openSnapshot(db);
  try {
    if (experiment === null) yield* checkDatabase(snapshot);
    yield* checkExperiments(snapshot, experiment, entropyOf);
    yield* checkVectors(snapshot, experiment);
    yield* checkArtifacts(snapshot, objects, experiment, deep);
  } catch (error) {
    if (!isCorruption(error)) throw error;
    const message = `the database file is damaged and cannot be read on (${String(error)}); ${RESTORE}`;
    yield { invariant: 6, table: 'database', id: db.sqlite.name, message };
  } finally {
    snapshot.close();
  }
}

/** Told by its code: an error of the native module need not be an `Error` of this realm. */
function isCorruption(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_CORRUPT');
}

/** What a crash left behind and nobody needs. */
export async function* findLeftovers(
  objects: ObjectStore,
  now: number,
): AsyncGenerator<Note, void, undefined> {
  for await (const path of objects.leftovers(now - LEFTOVER_AGE_MS)) {
    yield { path, message: 'left by a write that was cut off; it may be deleted' };
  }
}

async function* checkExperiments(
  db: Database.Database,
  only: string | null,
  entropyOf: EntropyOf | null,
): AsyncGenerator<Violation, void, undefined> {
  const checkPlan = planCheck(db);
  const checkStatus = statusCheck(db);
  const checkTrajectory = trajectoryCheck(db);
  const checkEmbeddings = embeddingCheck(db);
  const checkDiagrams = diagramCheck(db, entropyOf);
  const experiments = db.prepare<[string | null], ExperimentRecord>(`
    select id, config, run_count as runCount, status, driver_workflow_id as driver, finished_at as finishedAt
    from experiments where id = coalesce(?, id) order by created_at, id`);
  const runs = db.prepare<[string], RunRow>(`
    select id, experiment_id as experimentId, run_index as runIndex, network, seed, drawn_seed as drawnSeed,
      prompt_id as promptId, max_length as maxLength, status, stop_reason as stopReason, length,
      cycle_start as cycleStart, cycle_length as cycleLength
    from runs where experiment_id = ? order by run_index`);
  let found = false;
  for (const record of experiments.iterate(only)) {
    found = true;
    const config = yield* checkConfig(record);
    yield* checkStatus(record);
    if (config === null) continue;
    yield* checkPlan(record, config);
    for (const row of runs.iterate(record.id)) {
      const run: RunRecord = { ...row, network: namesIn(row.network) };
      yield* checkTrajectory(run, config);
      yield* checkEmbeddings(run, config.embedding_models);
      yield* checkDiagrams(run, config);
      // Every check of a run is synchronous; others of this process get their turn between runs.
      await setImmediate();
    }
  }
  if (only !== null && !found) {
    throw new PanicError('InvalidInput', `no experiment ${only} in this data folder`);
  }
}

type RunRow = Omit<RunRecord, 'network'> & { readonly network: string };

function namesIn(network: string): readonly string[] | null {
  try {
    const names: unknown = JSON.parse(network);
    const good = Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string');
    return good ? names : null;
  } catch {
    return null;
  }
}
