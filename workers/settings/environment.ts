import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { ObjectsPlace } from '../../db/objects/place.js';
import type { PostgresService } from '../../db/postgres/service.js';
import { pathProblem } from '../../common/path-text.js';
import { keepSecrets } from '../../common/secrets.js';
import type { DeviceSettings } from '../../models/choices.js';
import { readDatabase } from './database.js';
import { readDeviceSettings } from './devices.js';
import { readObjectsPlace } from './object-service.js';
import { secretsOf } from './secret-values.js';
import { ACTIVITY_MS, listed, misspeltVariables } from './variables.js';
import type { VariableName, Variables } from './variables.js';

export interface Environment {
  /** Absolute path. */
  readonly dataFolder: string;
  /** The database of several machines; null for the SQLite file of the data folder. */
  readonly database: PostgresService | null;
  /** Where objects are kept; null for the folder in the data folder. */
  readonly objects: ObjectsPlace | null;
  /** Absolute path. */
  readonly cacheFolder: string;
  /** Absolute path. */
  readonly modelsFolder: string;
  /** Absolute path of the user's own catalogue file. */
  readonly catalogueFile: string | undefined;
  /** Absolute path of the user's own file of routes. */
  readonly routesFile: string | undefined;
  /** Absolute path of the Temporal CLI that the user requires. */
  readonly temporalCli: string | undefined;
  readonly deviceSettings: DeviceSettings;
  readonly fault: string | undefined;
  readonly testModels: boolean;
  readonly activityMs: number;
  /** The names that an HTTP request may use for our ports, besides those of this machine; in lower case. */
  readonly httpNames: readonly string[];
  readonly shareWithGroup: boolean;
  readonly servers: { readonly hosts: readonly string[]; readonly apiKey: string | undefined };
  /** Absolute folders of PATH, in order. */
  readonly searchPath: readonly string[];
  /** Sentences about misspelt variables and values that have no meaning. */
  readonly problems: readonly string[];
}

/**
 * Reads our variables. An empty value counts as unset, as shells and CI systems use it. From now on messages
 * leave their secrets out.
 */
export function readEnvironment(variables: Variables = process.env): Environment {
  keepSecrets(secretsOf(variables));
  const value = (name: VariableName): string | undefined =>
    variables[name] === '' ? undefined : variables[name];

  const problems = misspeltVariables(variables);
  const path = (name: VariableName): string | undefined => {
    const text = value(name);
    const problem = text === undefined ? null : pathProblem(text);
    if (problem !== null) problems.push(`${name} ${problem}: "${text}".`);
    return text === undefined ? undefined : resolve(text);
  };
  const cacheFolder = path('PANIC_TDA_CACHE') ?? join(userCacheFolder(variables), 'panic-tda');
  const testModels = value('PANIC_TDA_TEST_MODELS') ?? '0';
  if (testModels !== '0' && testModels !== '1') {
    problems.push(`PANIC_TDA_TEST_MODELS is "${testModels}"; it can be 0 or 1.`);
  }
  const share = value('PANIC_TDA_SHARE_WITH_GROUP') ?? '0';
  if (share !== '0' && share !== '1') {
    problems.push(`PANIC_TDA_SHARE_WITH_GROUP is "${share}"; it can be 0 or 1.`);
  }
  const activityMs = value('PANIC_TDA_ACTIVITY_MS') ?? String(ACTIVITY_MS);
  if (!/^\d{1,6}$/.test(activityMs)) {
    problems.push(`PANIC_TDA_ACTIVITY_MS is "${activityMs}"; it can be a whole number from 0 to 999999.`);
  }
  readPassedNames(value('PANIC_TDA_PASS_VARIABLES') ?? '', problems);
  const deviceSettings = readDeviceSettings(value, problems);
  const database = readDatabase(value, problems);
  const objects = readObjectsPlace(value('PANIC_TDA_OBJECTS'), variables, problems);
  return {
    dataFolder: path('PANIC_TDA_DATA') ?? resolve('panic-tda-data'),
    database,
    objects,
    cacheFolder,
    modelsFolder: path('PANIC_TDA_MODELS') ?? join(cacheFolder, 'models'),
    catalogueFile: path('PANIC_TDA_CATALOGUE'),
    routesFile: path('PANIC_TDA_ROUTES'),
    temporalCli: path('PANIC_TDA_TEMPORAL_CLI'),
    deviceSettings,
    fault: value('PANIC_TDA_FAULT'),
    testModels: testModels === '1',
    activityMs: Number(activityMs),
    httpNames: readHttpNames(value('PANIC_TDA_HTTP_NAMES') ?? '', problems),
    shareWithGroup: share === '1',
    servers: {
      hosts: readServerHosts(value('PANIC_TDA_SERVER_HOSTS') ?? '', problems),
      apiKey: value('PANIC_TDA_SERVER_API_KEY'),
    },
    searchPath: (variables['PATH'] ?? '').split(delimiter).filter(isAbsolute),
    problems,
  };
}

/** Only checks the names; common/child-environment.ts, which hands the variables on, reads them again. */
function readPassedNames(text: string, problems: string[]): void {
  for (const name of listed(text)) {
    if (/^\w+$/.test(name)) continue;
    problems.push(
      `PANIC_TDA_PASS_VARIABLES has "${name}"; it can be names of variables, with commas between.`,
    );
  }
}

function readHttpNames(text: string, problems: string[]): string[] {
  const names = listed(text).map((name) => name.toLowerCase());
  for (const name of names) {
    if (isIP(name) !== 0 || /^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/.test(name)) continue;
    problems.push(
      `PANIC_TDA_HTTP_NAMES has "${name}"; it can be host names without a port, such as gpu-1.lan, with commas between.`,
    );
  }
  return names;
}

function readServerHosts(text: string, problems: string[]): string[] {
  const hosts = listed(text);
  for (const host of hosts) {
    if (/^[^\s/@?#]+$/.test(host)) continue;
    problems.push(`PANIC_TDA_SERVER_HOSTS has "${host}"; it can be names or name:port, with commas between.`);
  }
  return hosts;
}

/**
 * Lets SQLite read URIs (`file:///path?immutable=1`), by which it reads a file in a folder that it may not
 * write to. better-sqlite3 looks at the variable when it opens its first database. Our paths are absolute, so
 * SQLite never takes one for a URI.
 */
export function letSqliteReadUris(): void {
  process.env['SQLITE_USE_URI'] = '1';
}

function userCacheFolder(variables: Variables): string {
  const xdg = variables['XDG_CACHE_HOME'];
  // The specification says that programs should ignore a relative value as invalid.
  return xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
}
