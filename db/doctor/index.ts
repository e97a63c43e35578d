import { PanicError } from '../../common/errors.js';
import { isNewer } from '../versions/compatibility.js';
import type { Database, Snapshot } from '../connection/database.js';
import type { ObjectStore } from '../objects/object-store.js';
import { experimentReader } from '../read/experiment-reader.js';
import { checkArtifacts } from './artifacts.js';
import type { BarMeasures } from '../../experiment/statistics.js';
import type { OnUnmeasured } from './diagrams.js';
import { checkColumns } from './columns.js';
import { checkDatabaseRow, checkFile, checkLengths, checkSchema, checkServerSchema } from './database.js';
import { checkDiagrams } from './diagrams.js';
import { checkEmbeddings } from './embeddings.js';
import { CHECKED_OF_EXPERIMENT, checkConfig, checkPlan, checkStatus } from './experiment.js';
import type { UnfinishedPlan } from './experiment.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import { checkPromptVectors } from './prompt-vectors.js';
import { checkReferences } from './references.js';
import { checkRunStatistics } from './run-statistics.js';
import type { OnUncomputed, StatisticsCode } from './run-statistics.js';
import { checkTrajectory } from './trajectory.js';
import { CHECKED_OF_RUN } from './trajectory.js';
import type { CheckedRun } from './trajectory.js';
import { checkVectors } from './vectors.js';
import type { Violation } from './violation.js';

export { INVARIANTS } from './violation.js';
export type { Invariant, Violation } from './violation.js';
export type { OnUnmeasured } from './diagrams.js';
export type { OnUncomputed, StatisticsCode, StatisticsPlace } from './run-statistics.js';
export type { UnfinishedPlan } from './experiment.js';
export { asksModels, describeRepair, givesUpSteps } from './repair.js';
export type { Repair } from './repair.js';
export { deletionCeiling, findOrphanRows, findOrphans, removeOrphan } from './orphans.js';
export type { Orphan } from './orphans.js';
export { mend } from './mend/index.js';
export type { Means, MendOptions } from './mend/index.js';
export { rebuildFile } from './mend/rebuild.js';
export type { Rebuilt } from './mend/rebuild.js';
export { RepairPlan } from './mend/repair-plan.js';
export type { RepairGroup } from './mend/repair-plan.js';

export interface DoctorOptions {
  /**
   * Check only this experiment and the rows that it points at; the check of the whole database file is then
   * left out.
   */
  readonly experiment?: string;
  /** Also decode every picture and compare its size with its row. */
  readonly deep?: boolean;
  /**
   * The functions that compute numbers from bars (`BAR_MEASURES` of the room of topology), to compare them
   * with the recorded ones.
   */
  readonly measures?: BarMeasures;
  /** The code that computes numbers of trajectories, to compare a sample of them, or with `deep` all. */
  readonly statistics?: StatisticsCode;
  readonly onProgress?: OnProgress;
  /**
   * Called for each experiment of which only the first runs are planned: no violation as long as nothing of
   * it has begun.
   */
  readonly onUnfinishedPlan?: (plan: UnfinishedPlan) => void;
  /**
   * Called for each diagram of an earlier version that does not have numbers which its bars give: no
   * violation. Needs `measures`.
   */
  readonly onUnmeasured?: OnUnmeasured;
  /**
   * Called for each finished run that has no numbers of its trajectory, or has them of an earlier revision: no
   * violation.
   */
  readonly onUncomputed?: OnUncomputed;
}

/**
 * Called with the present stage of the check, and the number of rows since the last call, for a user who
 * waits.
 */
export type OnProgress = (stage: Stage, rows: number) => void;

export type Stage = 'the file' | 'references and columns' | 'runs' | 'vectors' | 'texts and pictures';

/**
 * Names every row that breaks an invariant of the store, one at a time: it holds neither tables nor findings
 * in memory. Changes nothing. It sees the database as it is at the first step and may run beside workers; it
 * reads objects as they are at that moment. Throws InvalidInput for an experiment that does not exist.
 */
export async function* checkInvariants(
  db: Database,
  objects: ObjectStore,
  options: DoctorOptions = {},
): AsyncGenerator<Violation, void, undefined> {
  const { experiment = null, deep = false, onProgress } = options;
  const counting =
    (stage: Stage): OnRows =>
    (rows) =>
      onProgress?.(stage, rows);
  const snapshot = await db.snapshot();
  try {
    if (experiment === null) {
      const known = !isNewer(db.tables);
      const readable = yield* db.dialect === 'sqlite'
        ? checkWholeFile(snapshot, counting, known)
        : checkWholeServer(snapshot, counting, known);
      if (!readable) return;
    }
    yield* checkExperiments(snapshot, options, counting('runs'));
    yield* checkVectors(snapshot, experiment, counting('vectors'));
    if (experiment === null) yield* checkPromptVectors(snapshot, counting('vectors'));
    yield* checkArtifacts(snapshot, objects, experiment, deep, counting('texts and pictures'));
  } catch (error) {
    if (!isCorruption(error)) throw error;
    const message = `the database file is damaged and cannot be read on (${String(error)})`;
    const repair = { kind: 'rebuild the file' } as const;
    yield { invariant: 6, table: 'database', id: db.name, message, repair };
  } finally {
    await snapshot.close();
  }
}

/**
 * `known`: whether the tables are of this version. In tables of a newer version this check runs nothing that
 * this version does not know.
 */
async function* checkWholeFile(
  snapshot: Snapshot,
  counting: (stage: Stage) => OnRows,
  known: boolean,
): AsyncGenerator<Violation, boolean, undefined> {
  counting('the file')(0);
  if (known && !(yield* checkSchema(snapshot))) return false;
  if (!(yield* checkLengths(snapshot))) return false;
  if (known) yield* checkFile(snapshot);
  counting('references and columns')(0);
  yield* checkDatabaseRow(snapshot);
  yield* checkReferences(snapshot);
  yield* checkColumns(snapshot);
  return true;
}

/**
 * A server keeps its pages whole by itself, and accepts no row that breaks an existing check. But a user who
 * restores a copy, or replicates rows, can bypass references.
 */
async function* checkWholeServer(
  snapshot: Snapshot,
  counting: (stage: Stage) => OnRows,
  known: boolean,
): AsyncGenerator<Violation, boolean, undefined> {
  counting('references and columns')(0);
  if (known) yield* checkServerSchema(snapshot);
  yield* checkDatabaseRow(snapshot);
  yield* checkReferences(snapshot);
  return true;
}

/** The check uses the code: an error of the native module need not be an `Error` of this realm. */
function isCorruption(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_CORRUPT');
}

async function* checkExperiments(
  snapshot: Snapshot,
  options: DoctorOptions,
  onRows: OnRows,
): AsyncGenerator<Violation, void, undefined> {
  const { experiment: only = null, measures = null, statistics = null, deep = false } = options;
  const {
    onUnfinishedPlan: onUnfinished = ignored,
    onUnmeasured = ignored,
    onUncomputed = ignored,
  } = options;
  const reader = experimentReader(snapshot);
  let found = false;
  for await (const record of reader.experiments(only, CHECKED_OF_EXPERIMENT)) {
    found = true;
    // Only a part of it may exist; `delete` continues with the rest.
    if (record.deletingAt !== null) continue;
    const config = yield* checkConfig(record);
    yield* checkStatus(snapshot, record);
    if (config === null) continue;
    yield* checkPlan(snapshot, record, config, onRows, onUnfinished);
    for await (const row of paced(reader.runsOf(record.id, CHECKED_OF_RUN), onRows)) {
      const run: CheckedRun = { ...row, network: namesIn(row.network) };
      yield* checkTrajectory(snapshot, run, config, onRows);
      yield* checkEmbeddings(snapshot, run, config.embedding_models);
      yield* checkDiagrams(snapshot, run, config, measures, onRows, onUnmeasured);
      yield* checkRunStatistics(snapshot, run, config, { statistics, deep }, onUncomputed);
    }
  }
  if (only !== null && !found) {
    throw new PanicError('InvalidInput', `no experiment ${only} in this data folder`);
  }
}

function ignored(): void {}

function namesIn(network: string): readonly string[] | null {
  try {
    const names: unknown = JSON.parse(network);
    const good = Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string');
    return good ? names : null;
  } catch {
    return null;
  }
}
