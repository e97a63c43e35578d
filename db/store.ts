import { join } from 'node:path';
import { endIdleDecoders } from '../experiment/pictures/decode.js';
import { makeFolder } from '../common/make-folder.js';
import { artifactTable } from './tables/artifacts.js';
import { buildTable } from './tables/builds.js';
import { computedQueries } from './read/computed.js';
import { openDatabase, openDatabaseReadonly, tablesOf } from './connection/sqlite.js';
import type { TablesVersion } from './versions/compatibility.js';
import type { Connection, ForeignRules } from './connection/sqlite.js';
import type { Database } from './connection/database.js';
import { deletionTable } from './tables/deletion.js';
import { diagramTable } from './tables/diagrams.js';
import { experimentTable } from './tables/experiments.js';
import { figureQueries } from './read/figures.js';
import { invocationTable } from './tables/invocations.js';
import { DATABASE_FILE, OBJECTS_FOLDER } from './layout.js';
import { objectsPlaceTable, OWN_PLACE } from './objects/recorded-place.js';
import { openObjects } from './objects/open.js';
import { placeText } from './objects/place.js';
import type { ObjectsPlace } from './objects/place.js';
import type { TablesOnServer } from './postgres/connection.js';
import type { Waiting } from './postgres/migrate.js';
import type { PostgresService } from './postgres/service.js';
import { promptVectorTable } from './tables/prompt-vectors.js';
import { provenanceTables } from './tables/provenance.js';
import { routeTable } from './tables/routes.js';
import { runOverviewQueries } from './read/run-overviews.js';
import { runStatisticsTable } from './tables/run-statistics.js';
import { runTable } from './tables/runs.js';
import { outputWarningQueries } from './read/output-warnings.js';
import { summaryQueries } from './read/summary.js';
import { surrogateTable } from './tables/surrogates.js';
import { trajectoryTable } from './tables/trajectories.js';
import { vectorTable } from './tables/vectors.js';

/** All durable data of the pipeline: rows in a database, and objects beside it. One per process. */
export type Store<D extends Database = Database> = ReturnType<typeof storeOver<D>>;

/** The place of a store. */
export interface StorePlace {
  /** The data folder. */
  readonly folder: string;
  /** The database that several machines share; null for an SQLite file in the data folder. */
  readonly database: PostgresService | null;
  /** The place of the objects; if absent, a folder in the data folder. */
  readonly objects?: ObjectsPlace | null;
  /**
   * The treatment of a schema that another program changed; `refused` unless the caller looks for such
   * changes.
   */
  readonly foreignRules?: ForeignRules;
}

/**
 * Opens a store; first makes it, or brings it up to date, if that is still to be done. Throws InvalidInput if
 * the store cannot be used, also while another process must be alone with it (`connectStoreAlone`);
 * StoreUnavailable if it cannot be reached. Calls `onUpgraded` after it has brought an SQLite file up to
 * date.
 */
export async function connectStore(
  place: StorePlace,
  onUpgraded?: (file: string, before: TablesVersion) => void,
): Promise<Store> {
  const { folder, database, objects = null } = place;
  if (database === null) {
    const file = join(folder, DATABASE_FILE);
    const before = onUpgraded === undefined ? null : tablesOf(file);
    const store = openStore(folder, objects, place.foreignRules);
    if (before !== null && before.applied > 0 && before.applied < before.known) onUpgraded?.(file, before);
    return store;
  }
  const { openPostgres } = await postgres();
  return storeOnServer(await openPostgres(database), place);
}

/**
 * Opens a store in a database of several machines for a caller that must be the only writer: until the caller
 * closes it, the database refuses other processes. Throws as `connectStore`, and InvalidInput if another
 * process uses the store.
 */
export async function connectStoreAlone(
  place: StorePlace & { readonly database: PostgresService },
): Promise<Store> {
  const { openPostgresAlone } = await postgres();
  return storeOnServer(await openPostgresAlone(place.database), place);
}

/** A store for a process that writes. */
function storeOnServer(db: Database, { folder, database, objects = null }: StorePlace): Store {
  return storeOver(db, madePlace(folder, objects), nameOf(folder, database, objects));
}

/**
 * Opens a store for reading, beside a process that may write to it; null if there is no store yet. Makes
 * nothing. Throws as `connectStore`.
 */
export async function connectStoreReadonly({
  folder,
  database,
  objects = null,
  foreignRules,
}: StorePlace): Promise<Store | null> {
  if (database === null) return openStoreReadonly(folder, objects, foreignRules);
  const { openPostgresReadonly } = await postgres();
  const db = await openPostgresReadonly(database);
  if (db === null) return null;
  return storeOver<Database>(db, objects ?? objectsBeside(folder), nameOf(folder, database, objects));
}

/**
 * Makes the tables of a database of several machines, and lets roles use them. Returns how many migrations it
 * ran. With `waiting` it asks those writers to leave whose version must not write beside a migration.
 */
export async function setUpDatabase(
  database: PostgresService,
  roles: readonly string[],
  waiting: Waiting | null = null,
): Promise<number> {
  const { setUpPostgres } = await postgres();
  return setUpPostgres(database, roles, waiting);
}

/**
 * The version of the tables in a database of several machines, and the processes that write to them. Changes
 * nothing.
 */
export async function tablesOnServer(database: PostgresService): Promise<TablesOnServer> {
  const { lookAtTables } = await postgres();
  return lookAtTables(database);
}

/** Only code that uses Postgres loads this module: the other commands start sooner without it. */
function postgres() {
  return import('./postgres/connection.js');
}

/** Opens the store of a data folder with its SQLite file, and makes it if there is none. */
export function openStore(
  folder: string,
  objects: ObjectsPlace | null = null,
  foreignRules: ForeignRules = 'refused',
): Store<Connection> {
  makeFolder(folder);
  const db = openDatabase(join(folder, DATABASE_FILE), foreignRules);
  return storeOver(db, madePlace(folder, objects), nameOf(folder, null, objects));
}

/**
 * Opens the store of a data folder with its SQLite file for reading, beside a process that may write to it;
 * null if there is no store yet. Makes nothing. Throws InvalidInput if the tables are not those of this
 * version.
 */
export function openStoreReadonly(
  folder: string,
  objects: ObjectsPlace | null = null,
  foreignRules: ForeignRules = 'refused',
): Store<Connection> | null {
  const db = openDatabaseReadonly(join(folder, DATABASE_FILE), foreignRules);
  if (db === null) return null;
  return storeOver(db, objects ?? objectsBeside(folder), nameOf(folder, null, objects));
}

/** The place of a data folder's objects, unless the user names another place. */
export function objectsBeside(folder: string): ObjectsPlace {
  return { kind: 'folder', path: join(folder, OBJECTS_FOLDER), within: folder };
}

/** The place of objects, after its folder is made. */
function madePlace(folder: string, objects: ObjectsPlace | null): ObjectsPlace {
  const place = objects ?? objectsBeside(folder);
  if (place.kind === 'folder') makeFolder(place.path);
  return place;
}

interface PlaceName {
  readonly place: string;
  /** Whether no user named a place. */
  readonly own: boolean;
}

/** The objects of an SQLite file go with its data folder, also after the folder is renamed. */
function nameOf(folder: string, database: PostgresService | null, objects: ObjectsPlace | null): PlaceName {
  if (objects === null && database === null) {
    return { place: OWN_PLACE, own: true };
  }
  return { place: placeText(objects ?? objectsBeside(folder)), own: objects === null };
}

/** The databases of the stores that this process has open. */
const open = new Set<Database>();

function storeOver<D extends Database>(db: D, place: ObjectsPlace, name: PlaceName) {
  const objects = openObjects(place);
  open.add(db);
  const artifacts = artifactTable(db, objects);
  return {
    db,
    /** Number of migrations that made the tables. */
    schemaVersion: db.schemaVersion,
    objects,
    objectsPlace: objectsPlaceTable(db, objects, name),
    artifacts,
    experiments: experimentTable(db, artifacts),
    runs: runTable(db),
    runOverviews: runOverviewQueries(db),
    provenance: provenanceTables(db),
    invocations: invocationTable(db, artifacts),
    computed: computedQueries(db),
    vectors: vectorTable(db),
    promptVectors: promptVectorTable(db),
    trajectories: trajectoryTable(db),
    runStatistics: runStatisticsTable(db),
    diagrams: diagramTable(db),
    surrogates: surrogateTable(db),
    summaries: { ...summaryQueries(db), ...outputWarningQueries(db) },
    deletion: deletionTable(db, objects),
    figures: figureQueries(db),
    builds: buildTable(db),
    routes: routeTable(db),
    async close(): Promise<void> {
      objects.close();
      open.delete(db);
      // Another open store would soon start them again, which takes 0.15 s of CPU each.
      if (open.size === 0) await endIdleDecoders();
      await db.close();
    },
  };
}
