import { assertNever, errorMessage, isPanicError } from '../../common/errors.js';
import { accessSync, constants, statfsSync } from 'node:fs';
import { isThere, statIfThere } from '../../common/presence.js';
import { dirname } from 'node:path';
import { statisticsCode } from '../../activities/index.js';
import { missingModels } from '../../activities/missing-models.js';
import {
  connectionRoom,
  connectionsWanted,
  connectStoreReadonly,
  isNewer,
  newerRemark,
  shortageText,
  clockAheadMs,
  clockText,
} from '../../db/index.js';
import { checkInvariants, findOrphans, INVARIANTS } from '../../db/doctor/index.js';
import type { ExperimentRow, Store } from '../../db/index.js';
import type { Orphan, UnfinishedPlan } from '../../db/doctor/index.js';
import { explainUnknown, unknownModels } from '../../experiment/unknown-models.js';
import { describe } from '../../experiment/statistics.js';
import type { BarStatisticName } from '../../experiment/statistics.js';
import { BAR_MEASURES } from '../../tda/index.js';
import { openToOthersText } from '../../workers/settings/private-files.js';
import type { Context } from '../context.js';
import { createObserver, stateOf } from '../session/who-drives.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { bytes, count, plural } from '../terminal/format.js';
import { cutOutputText, sharedVectorText } from '../documents/warnings.js';
import { checkProgress, countRows } from './check-progress.js';
import { info, ok, problem, warning } from './finding.js';
import type { DoctorOptions, Finding } from './finding.js';
import { violationDocument, violationText } from './remedy.js';

/** Says which code the build ids of workers stand for. */
async function* tellBuilds({ builds }: Store): AsyncGenerator<Finding> {
  const recorded = await builds.list();
  const last = recorded.at(-1);
  if (last === undefined) return;
  yield {
    ...info(
      `${plural(recorded.length, 'build id')} of workers ${recorded.length === 1 ? 'is' : 'are'} recorded, the last one ${last.buildId} of ${last.deployment}: version ${last.version}`,
    ),
    builds: recorded.map(({ deployment, buildId, version, bundleSha256, recordedAt }) => ({
      deployment,
      buildId,
      version,
      workflows: bundleSha256.toString('hex'),
      recordedAt: new Date(recordedAt).toISOString(),
    })),
  };
}

/** A run that fills the disk stops in the middle, so warn before that. */
const LITTLE_SPACE_BYTES = 2 ** 30;

export function* checkDataFolder({ folder }: Context): Generator<Finding> {
  let found;
  let there;
  try {
    found = statIfThere(folder.root);
    there = nearestFolder(folder.root);
  } catch (error) {
    yield problem(errorMessage(error));
    return;
  }
  if (found !== undefined && !found.isDirectory()) {
    yield problem(`${folder.root} is a file, not a folder; choose another with --data`);
    return;
  }
  try {
    accessSync(there, constants.R_OK | constants.W_OK | constants.X_OK);
    yield found === undefined
      ? info(`${folder.root} is not there yet; a run makes it`)
      : ok(`${folder.root} can be written to`);
  } catch {
    yield found === undefined
      ? problem(`${there} cannot be written to; choose another folder with --data`)
      : warning(`${there} may only be read: what is stored can be looked at, and nothing can be run here`);
  }
  const open = openToOthersText(folder);
  if (open !== null) yield warning(open);
  const { bavail, bsize } = statfsSync(there);
  const free = `${bytes(bavail * bsize)} are free on its disk`;
  yield bavail * bsize < LITTLE_SPACE_BYTES ? warning(free) : ok(free);
}

function nearestFolder(path: string): string {
  let folder = path;
  while (!isThere(folder)) folder = dirname(folder);
  return folder;
}

export async function* checkDatabase(context: Context, options: DoctorOptions): AsyncGenerator<Finding> {
  let store: Store | null;
  try {
    // A check of the whole store reports foreign additions to its schema.
    const foreignRules = options.experiment === undefined ? 'told' : 'refused';
    store = await connectStoreReadonly({ ...context.place, foreignRules });
  } catch (error) {
    yield problem(errorMessage(error));
    return;
  }
  if (store === null) {
    yield info('no database yet');
    return;
  }
  try {
    yield* describeExperiments(context, store);
    yield* checkConnections(context, store);
    yield* checkClock(store);
    yield* checkObjectsPlace(store);
    yield* tellBuilds(store);
    yield* checkStore(context, store, options);
  } finally {
    await store.close();
  }
}

async function* describeExperiments(context: Context, store: Store): AsyncGenerator<Finding> {
  const rows = await store.experiments.list();
  const { tables, name } = store.db;
  const version = isNewer(tables) ? 'of a newer version' : 'of this version';
  yield ok(
    `${name}: ${version} (${plural(tables.applied, 'migration')}), ${bytes(await store.db.size())}, ${plural(rows.length, 'experiment')}`,
  );
  if (isNewer(tables)) {
    yield info(
      `${newerRemark(name, tables)} What follows covers the tables and columns that this version knows; the newer version's doctor also checks the rules of the tables and what nothing points at`,
    );
  }
  let observer;
  try {
    observer = createObserver(context);
  } catch (error) {
    if (!isPanicError(error)) throw error;
    yield problem(error.message);
    return;
  }
  try {
    for (const row of rows) {
      if (row.deletingAt === null) yield* unknownModelsOf(context, store, row);
      const state = stateOf(row, await observer.driven(row));
      if (state === 'paused') {
        yield info(`experiment ${row.id} is paused; "${context.command('resume', row.id)}" lets it go on`);
      }
      if (state === 'deleting') {
        yield info(
          `the deletion of experiment ${row.id} was cut off, and its rows are not checked; "${context.command('delete', row.id)}" deletes the rest`,
        );
      }
      if (state === 'interrupted') {
        yield info(
          `experiment ${row.id} was interrupted; "${context.command('resume', row.id)}" continues it`,
        );
      }
    }
  } finally {
    await observer.close();
  }
}

/**
 * Names the unknown models of an experiment: a warning if its remaining work or its failed runs call one, a
 * remark otherwise.
 */
async function* unknownModelsOf(
  { catalogue, catalogueProblems }: Context,
  store: Store,
  row: ExperimentRow,
): AsyncGenerator<Finding> {
  // Problems of a catalogue file are findings of their own, so do not repeat their consequences here.
  if (catalogueProblems.length > 0) return;
  const all = unknownModels(row.config, catalogue);
  if (all.length === 0) return;
  const machine = { catalogue, modelsFolder: null };
  const { unknown } = await missingModels({ config: row.config, row, store }, machine, 'all');
  yield unknown.length > 0
    ? warning(`experiment ${row.id} cannot go on: ${explainUnknown(unknown, catalogue, row.catalogue)}`)
    : info(
        `experiment ${row.id} has nothing left that needs them, but ${explainUnknown(all, catalogue, row.catalogue)}; "verify" and "doctor --fix" would need them`,
      );
}

/** Whether the server accepts as many connections as all connected processes, with this one, may open. */
async function* checkConnections({ place }: Context, { db }: Store): AsyncGenerator<Finding> {
  const room = await connectionRoom(db);
  if (room === null || place.database === null) return;
  const { poolSize } = place.database;
  const shortage = shortageText(room, poolSize);
  yield shortage === null
    ? ok(
        `it takes ${room.most} connections; ${room.open} are open, and the processes that are connected may open up to ${connectionsWanted(room, poolSize)}`,
      )
    : warning(shortage);
}

async function* checkClock({ db }: Store): AsyncGenerator<Finding> {
  const told = clockText(await clockAheadMs(db));
  if (told !== null) yield warning(told);
}

async function* checkObjectsPlace({ objectsPlace }: Store): AsyncGenerator<Finding> {
  try {
    await objectsPlace.check();
    const found = await objectsPlace.belonging();
    if (found.to === 'another database') yield warning(found.told);
  } catch (error) {
    yield problem(errorMessage(error));
  }
}

async function* checkStore(
  context: Context,
  store: Store,
  { experiment, deep, limit }: DoctorOptions,
): AsyncGenerator<Finding> {
  const only = experiment === undefined ? undefined : (await findExperiment(context, store, experiment)).id;
  const progress = checkProgress(context.json, only === undefined ? await countRows(store) : null);
  const unfinished: UnfinishedPlan[] = [];
  const unmeasured = new Map<BarStatisticName, number>();
  let uncomputed = 0;
  const checked = {
    deep,
    measures: BAR_MEASURES,
    onProgress: progress.onProgress,
    onUnfinishedPlan: (plan: UnfinishedPlan) => void unfinished.push(plan),
    onUnmeasured: (_: number, names: readonly BarStatisticName[]) => {
      for (const name of names) unmeasured.set(name, (unmeasured.get(name) ?? 0) + 1);
    },
    statistics: statisticsCode(store, Date.now),
    onUncomputed: () => void uncomputed++,
    ...(only === undefined ? {} : { experiment: only }),
  };
  let violations = 0;
  try {
    for await (const violation of checkInvariants(store.db, store.objects, checked)) {
      violations++;
      if (violations > limit) continue;
      const document = violationDocument(violation, context);
      yield { ...problem(violationText(document)), violation: document };
    }
  } catch (error) {
    if (!isPanicError(error)) throw error;
    // A row that could not be read is no violation, and no proof that there is none.
    yield problem(`the check ended before its end: ${error.message}`);
    return;
  } finally {
    progress.done();
  }
  for (const { experiment: id, planned, of } of unfinished) {
    yield info(
      `experiment ${id} has ${count(planned)} of its ${plural(of, 'run')}: it is being planned, or its planning was cut off. Nothing of it has begun; "${context.command('resume', id)}" plans the rest and runs it`,
    );
  }
  if (uncomputed > 0) yield info(uncomputedText(uncomputed, context));
  for (const [name, dimensions] of unmeasured) yield info(unmeasuredText(name, dimensions, context));
  if (violations > limit) {
    yield problem(`and ${plural(violations - limit, 'more violation')}; --limit names more of them`);
  }
  if (violations === 0) {
    yield ok(`every invariant holds (${Object.values(INVARIANTS).length} kinds were checked)`);
    yield* outputWarnings(store, only);
  }
  if (only === undefined) yield* orphans(context, store, limit);
}

/** Says that trajectories, each of a run and an embedding model, lack their numbers. */
export function uncomputedText(trajectories: number, { command }: Pick<Context, 'command'>): string {
  const told = trajectories === 1 ? '1 trajectory has' : `${count(trajectories)} trajectories have`;
  return `${told} no numbers of this version (run_statistics), because an earlier one made the runs. "${command('doctor', '--fix')}" computes them from the vectors`;
}

/** Says that an earlier version did not compute a number, which the bars still give. */
export function unmeasuredText(
  name: BarStatisticName,
  dimensions: number,
  { command }: Pick<Context, 'command'>,
): string {
  const { title, column, nullRule } = describe(name);
  return `the ${title} (${column}) is not there in ${plural(dimensions, 'row')} of diagrams: ${nullRule}. "${command('doctor', '--fix')}" computes it from the bars`;
}

/** Reports facts that break no invariant, but that a user should look at before trusting the results. */
async function* outputWarnings(store: Store, only: string | undefined): AsyncGenerator<Finding> {
  for (const { id, config, deletingAt } of await store.experiments.list()) {
    if (deletingAt !== null || (only !== undefined && id !== only)) continue;
    const cut = await store.summaries.outputsCut(id);
    if (cut > 0) yield info(`experiment ${id}: ${cutOutputText(cut)}`);
    for (const shared of await store.summaries.sharedVectors(id, config.embedding_models)) {
      yield warning(`experiment ${id}: ${sharedVectorText(shared)}`);
    }
  }
}

/**
 * Whether a Postgres database keeps its objects in a data folder that also has an SQLite file. An object
 * without a row in the one may then belong to the other.
 */
export function sharesObjects({ place, folder }: Pick<Context, 'place' | 'folder'>): boolean {
  const { database, objects } = place;
  const inFolder =
    (objects ?? null) === null || (objects?.kind === 'folder' && objects.path === folder.objects);
  return database !== null && inFolder && isThere(folder.databaseFile);
}

async function* orphans(context: Context, store: Store, limit: number): AsyncGenerator<Finding> {
  const { command } = context;
  if (sharesObjects(context)) {
    yield info(
      `objects that no row points at are left alone: ${context.folder.objects} also has those of ${context.folder.databaseFile}; give each database its own place (PANIC_TDA_OBJECTS)`,
    );
  }
  // Rows that only the newer version knows may point at them.
  if (isNewer(store.db.tables)) return;
  let found = 0;
  for await (const orphan of findOrphans(store.db, store.objects, Date.now())) {
    if (orphan.kind !== 'artifact' && sharesObjects(context)) continue;
    if (++found <= limit) yield warning(`${orphanText(orphan)}; "${command('doctor', '--fix')}" deletes it`);
  }
  if (found > limit) yield warning(`and ${plural(found - limit, 'more')} of these`);
}

export function orphanText(orphan: Orphan): string {
  switch (orphan.kind) {
    case 'temporary file':
      return `${orphan.path}: left by a write that was cut off`;
    case 'object':
      return `${orphan.path}: ${bytes(orphan.byteLength)} that no row points at`;
    case 'artifact':
      return `artifact ${orphan.id}: no run mentions it`;
    default:
      return assertNever(orphan);
  }
}
