import { resolve } from 'node:path';
import { connectStoreReadonly, isNewer, nameOfService, newerRemark, POOL_SIZE } from '../db/index.js';
import type { Store, StorePlace } from '../db/index.js';
import { PanicError } from '../common/errors.js';
import type { Catalogue } from '../experiment/model.js';
import { pathProblem } from '../common/path-text.js';
import { isThere } from '../common/presence.js';
import { readCatalogue } from '../models/catalogue.js';
import { dataFolderAt, refuseNoFolder } from '../workers/settings/data-folder.js';
import type { DataFolder } from '../workers/settings/data-folder.js';
import { databaseAt } from '../workers/settings/database.js';
import { letSqliteReadUris, readEnvironment } from '../workers/settings/environment.js';
import { quietAwsSdk } from '../workers/settings/object-service.js';
import type { Environment } from '../workers/settings/environment.js';
import { keepFilesPrivate } from '../workers/settings/private-files.js';
import { type ModelRoutes, readRoutes } from '../workers/settings/routes.js';
import { type DeviceOptions, deviceSettings } from './device-options.js';
import { note } from './terminal/output.js';
import type { Asking } from './session/patience.js';

export interface GlobalOptions extends DeviceOptions {
  readonly data?: string;
  readonly database?: string;
  readonly json?: boolean;
}

/** The settings and places that every command starts from. */
export interface Context {
  readonly environment: Environment;
  readonly folder: DataFolder;
  readonly place: StorePlace;
  readonly catalogue: Catalogue;
  /**
   * Problems of the user's own catalogue files, and of the lock file in the models folder. `catalogue` lacks
   * those entries.
   */
  readonly catalogueProblems: readonly string[];
  /** Which models have a task queue of their own. */
  readonly routes: ModelRoutes;
  /** Problems of the file of routes. `routes` is empty if there are any. */
  readonly routesProblems: readonly string[];
  /** Print one JSON document on standard output instead of text. */
  readonly json: boolean;
  /** How a command that waits asks the store. Absent: the first answer counts. */
  readonly asking?: Asking;
  /** `npx panic-tda <words>`, as this user would type it for the same data folder. */
  readonly command: (...words: readonly (string | number)[]) => string;
}

/**
 * @throws PanicError `InvalidInput` if the environment, a catalogue file or the file of routes has a value that
 * means nothing.
 */
export async function contextOf(options: GlobalOptions): Promise<Context> {
  const context = await lenientContextOf(options);
  const problems = [...context.environment.problems, ...context.catalogueProblems, ...context.routesProblems];
  if (problems.length > 0) throw new PanicError('InvalidInput', problems.join('\n'));
  return context;
}

/**
 * The context of a command that needs no model. Problems of the user's catalogue files and routes are only
 * remarks: a user can read and keep what is stored without them.
 */
export async function contextWithoutModels(options: GlobalOptions): Promise<Context> {
  const context = await lenientContextOf(options);
  const { environment, catalogueProblems, routesProblems } = context;
  if (environment.problems.length > 0) {
    throw new PanicError('InvalidInput', environment.problems.join('\n'));
  }
  // A data folder that this user may not enter is the error of the command. A remark about one of its files
  // would only distract.
  if (context.place.database === null) isThere(context.folder.lockFile);
  for (const problem of [...catalogueProblems, ...routesProblems]) note(`Remark: ${problem}`);
  return context;
}

/** The context of a command that reports the problems itself. */
export async function lenientContextOf({
  data,
  database,
  json,
  ...deviceOptions
}: GlobalOptions): Promise<Context> {
  // Call these before any library reads the variables.
  quietAwsSdk();
  letSqliteReadUris();
  const problem = data === undefined ? null : pathProblem(data);
  if (problem !== null) throw new PanicError('InvalidInput', `--data ${problem}: "${data}"`);
  const read = readEnvironment();
  keepFilesPrivate(read);
  const environment =
    database === undefined
      ? read
      : { ...read, database: databaseAt(database, read.database ?? { poolSize: POOL_SIZE.default }) };
  const { catalogue, problems } = await readCatalogue(environment);
  const folder = dataFolderAt(data === undefined ? environment.dataFolder : resolve(data));
  refuseNoFolder(folder.root);
  const { routesFile } = environment;
  const { routes, problems: routesProblems } = readRoutes({ routesFile, dataFolder: folder.root }, catalogue);
  const named = [
    ...(data === undefined ? [] : ['--data', shellQuoted(data)]),
    ...(database === undefined ? [] : ['--database', shellQuoted(database)]),
  ];
  return {
    environment: {
      ...environment,
      deviceSettings: deviceSettings(deviceOptions, environment.deviceSettings),
    },
    folder,
    place: { folder: folder.root, database: environment.database, objects: environment.objects },
    catalogue,
    catalogueProblems: problems,
    routes,
    routesProblems,
    json: json ?? false,
    command: (...words) => ['npx panic-tda', ...words, ...named].join(' '),
  };
}

/** Quotes a word for a shell. A "~" at the beginning is quoted too, since a shell would replace it. */
export function shellQuoted(word: string): string {
  return /^[\w./-][\w./~-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Passes the store, opened for reading, to `use`, or null if there is none. It creates nothing. */
export async function readingStore<T>(
  context: Context,
  use: (store: Store | null) => T | Promise<T>,
): Promise<T> {
  const look = async (): Promise<T> => {
    const store = await connectStoreReadonly(context.place);
    if (store !== null) noteNewer(store);
    try {
      return await use(store);
    } finally {
      await store?.close();
    }
  };
  return await (context.asking === undefined ? look() : context.asking(look));
}

const noted = new Set<string>();

/** Says once that a store has tables of a newer version. */
export function noteNewer({ db }: Store): void {
  if (!isNewer(db.tables) || noted.has(db.name)) return;
  noted.add(db.name);
  note(`Remark: ${newerRemark(db.name, db.tables)}`);
}

/**
 * Like `readingStore`, for commands that make sense only with experiments.
 * @throws PanicError `InvalidInput` if there are none.
 */
export async function readingExperiments<T>(
  context: Context,
  use: (store: Store) => T | Promise<T>,
): Promise<T> {
  return await readingStore(context, (store) => {
    if (store === null) throw noExperiments(context);
    return use(store);
  });
}

/** Names the place of the experiments for people. */
export function placeText({ place: { folder, database } }: Pick<Context, 'place'>): string {
  return database === null ? folder : `the database ${nameOfService(database)}`;
}

export function noExperiments({ folder, place, command }: Context): PanicError {
  if (place.database !== null) {
    return new PanicError(
      'InvalidInput',
      `${placeText({ place })} holds no experiments yet; "${command('run', 'FILE')}" makes the first one`,
    );
  }
  const there = isThere(folder.root) ? 'holds no experiments yet' : 'does not exist';
  return new PanicError(
    'InvalidInput',
    `the data folder ${folder.root} ${there}; "${command('run', 'FILE')}" makes the first experiment, --data names another folder`,
  );
}
