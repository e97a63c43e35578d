import type { ClientConnectConfig } from '@temporalio/envconfig';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { OBJECTS_PLACE_FORMAT, objectsPlace } from '../../db/objects/place.js';
import type { ObjectsPlace, S3Service } from '../../db/objects/place.js';
import { hasPassword, passwordsIn, POOL_SIZE, postgresUrlProblem } from '../../db/postgres/service.js';
import type { PostgresService } from '../../db/postgres/service.js';
import { childEnvironment } from '../../common/child-environment.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { usableCores } from '../../common/machine.js';
import { nearest } from '../../common/nearest.js';
import { httpUrl, pathProblem } from '../../common/path-text.js';
import { keepSecrets, type Secret } from '../../common/secrets.js';
import {
  DEVICE_CHOICES,
  DEVICE_SETTINGS,
  type DeviceSettings,
  LONGEST_DEADLINE_SECONDS,
} from '../../models/choices.js';
import { memoryMiB, MEMORY_FORMAT } from './memory-text.js';
import { connectConfig, temporalProfile } from '../temporal/profile.js';

/** The only file that reads `process.env`. Everything else is handed what it needs. */

type Variables = Readonly<Record<string, string | undefined>>;

// Temporal costs 10 to 20 ms of CPU an activity, and a run waits 20 to 50 ms for its next one: ten seconds of steps at a
// time make that small, and what people see of a run in Temporal is never older.
const ACTIVITY_MS = 10_000;

/** Every variable of our own, for the help texts, for `doctor` and for recognising typos. */
export const environmentVariables = [
  {
    name: 'PANIC_TDA_DATA',
    meaning: 'folder of the database, the images, the logs and Temporal state',
    default: './panic-tda-data',
  },
  {
    name: 'PANIC_TDA_DATABASE',
    meaning: 'the Postgres database of several machines, as postgres://user:password@host:5432/database',
    default: 'none: an SQLite file in the data folder',
  },
  {
    name: 'PANIC_TDA_DATABASE_POOL',
    meaning: 'connections to that database that a process has open at most',
    default: String(POOL_SIZE.default),
  },
  {
    name: 'PANIC_TDA_OBJECTS',
    meaning: `where pictures are kept: ${OBJECTS_PLACE_FORMAT}`,
    default: '<data folder>/objects',
  },
  {
    name: 'PANIC_TDA_S3_PATH_STYLE',
    meaning: '1 asks an S3 service for ENDPOINT/BUCKET/KEY, 0 for BUCKET.ENDPOINT/KEY',
    default: '1 where AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is set, else 0',
  },
  {
    name: 'PANIC_TDA_CACHE',
    meaning: 'folder of downloaded things that can be fetched again (Temporal CLI, models)',
    default: '$XDG_CACHE_HOME/panic-tda, or ~/.cache/panic-tda',
  },
  { name: 'PANIC_TDA_MODELS', meaning: 'folder of model files', default: '<cache>/models' },
  {
    name: 'PANIC_TDA_CATALOGUE',
    meaning: 'catalogue file of your own, whose models are added to those of the program',
    default: 'catalogue.json in the folder of model files, where there is one',
  },
  {
    name: 'PANIC_TDA_ROUTES',
    meaning: 'file that gives models task queues of their own',
    default: 'routes.json in the data folder, where there is one',
  },
  {
    name: 'PANIC_TDA_TEMPORAL_CLI',
    meaning: 'the Temporal CLI to use, unchecked; nothing else is tried when it is set',
    default: 'the pinned version, from PATH or fetched into the cache',
  },
  {
    name: 'PANIC_TDA_DEVICE',
    meaning: 'where models with files are computed: auto, cuda, webgpu or cpu',
    default: 'auto, the first of these that works',
  },
  {
    name: 'PANIC_TDA_ALLOW_FALLBACK',
    meaning: '1 takes another device where the chosen one does not work',
    default: '0',
  },
  {
    name: 'PANIC_TDA_GPU_MEMORY',
    meaning: 'what loaded models may take on the GPU, such as 20GiB',
    default: 'all of it',
  },
  {
    name: 'PANIC_TDA_RAM',
    meaning: 'what loaded models may take on the processor, such as 8GiB',
    default: "half of the machine's memory, or of its container's",
  },
  {
    name: 'PANIC_TDA_CALL_SECONDS',
    meaning:
      'seconds after which a call of a model on this machine is ended with its process; a model that has answered is given 100 times ' +
      'its longest call, at least 10 minutes and no more than this',
    default: String(DEVICE_SETTINGS.callSeconds),
  },
  {
    name: 'PANIC_TDA_LOAD_SECONDS',
    meaning: 'seconds after which a process that still loads its model is ended',
    default: String(DEVICE_SETTINGS.loadSeconds),
  },
  { name: 'PANIC_TDA_FAULT', meaning: 'crash drills: the fault point at which to die', default: 'none' },
  {
    name: 'PANIC_TDA_TEST_MODELS',
    meaning: '1 adds the models that exist for tests and benchmarks to the catalogue',
    default: '0',
  },
  {
    name: 'PANIC_TDA_ACTIVITY_MS',
    meaning: 'milliseconds for which an activity advances a run before it reports to Temporal',
    default: String(ACTIVITY_MS),
  },
  {
    name: 'PANIC_TDA_HTTP_NAMES',
    meaning:
      'host names by which the web UI and the health and metrics of workers may be asked for, with commas between',
    default: 'none: localhost and addresses of this machine alone',
  },
  {
    name: 'PANIC_TDA_SERVER_HOSTS',
    meaning:
      'hosts beside this one whose model servers may be asked: names or name:port, with commas between',
    default: 'none',
  },
  {
    name: 'PANIC_TDA_SERVER_API_KEY',
    meaning: 'the key that model servers are sent; it is never stored',
    default: 'none',
  },
  {
    name: 'PANIC_TDA_SHARE_WITH_GROUP',
    meaning:
      '1 lets the group of a folder read what is made in it: modes 0750 and 0640 instead of 0700 and 0600',
    default: '0',
  },
  {
    name: 'PANIC_TDA_PASS_VARIABLES',
    meaning: 'names of further variables that every child process is given, with commas between',
    default: 'none: a child is given what its kind needs (docs/security.md)',
  },
] as const;

const SECRETS: readonly string[] = ['PANIC_TDA_SERVER_API_KEY', 'PANIC_TDA_DATABASE'];
type VariableName = (typeof environmentVariables)[number]['name'];

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
  /** Absolute path of a catalogue file of the user's own. */
  readonly catalogueFile: string | undefined;
  /** Absolute path of a file of routes of the user's own. */
  readonly routesFile: string | undefined;
  /** Absolute path of the Temporal CLI that the user insists on. */
  readonly temporalCli: string | undefined;
  readonly hosts: DeviceSettings;
  readonly fault: string | undefined;
  readonly testModels: boolean;
  readonly activityMs: number;
  /** Names by which our HTTP ports may be asked, beside those of this machine; in small letters. */
  readonly httpNames: readonly string[];
  readonly shareWithGroup: boolean;
  readonly servers: { readonly hosts: readonly string[]; readonly apiKey: string | undefined };
  /** Absolute folders of PATH, in order. */
  readonly searchPath: readonly string[];
  /** Sentences about variables that are misspelt or have values that mean nothing. */
  readonly problems: readonly string[];
}

/** Reads our variables. An empty value counts as unset, as shells and CI systems use it. From now on messages leave their secrets out. */
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
  const hosts = readDeviceSettings(value, problems);
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
    hosts,
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

/** Who hands them on reads them again (common/child-environment.ts). */
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

function listed(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function readDatabase(
  value: (name: VariableName) => string | undefined,
  problems: string[],
): PostgresService | null {
  const size = value('PANIC_TDA_DATABASE_POOL') ?? String(POOL_SIZE.default);
  if (!/^\d{1,3}$/.test(size) || Number(size) < POOL_SIZE.least || Number(size) > POOL_SIZE.most) {
    problems.push(
      `PANIC_TDA_DATABASE_POOL is "${size}"; it can be a whole number from ${POOL_SIZE.least} to ${POOL_SIZE.most}.`,
    );
  }
  const url = value('PANIC_TDA_DATABASE');
  if (url === undefined) return null;
  const problem = postgresUrlProblem(url);
  if (problem !== null) problems.push(`PANIC_TDA_DATABASE ${problem}.`);
  return { url, poolSize: Number(size) };
}

/** The database that an option names instead of the variable. Throws InvalidInput. */
export function databaseAt(url: string, { poolSize }: Pick<PostgresService, 'poolSize'>): PostgresService {
  const problem = hasPassword(url)
    ? 'holds a password, which everybody on this machine could read; put the address into PANIC_TDA_DATABASE, or the password into ~/.pgpass'
    : postgresUrlProblem(url);
  if (problem !== null) throw new PanicError('InvalidInput', `--database ${problem}`);
  return { url, poolSize };
}

/** The variables that give a child process this database. */
export function databaseVariables(database: PostgresService | null): Partial<Record<VariableName, string>> {
  return database === null
    ? { PANIC_TDA_DATABASE: '' }
    : { PANIC_TDA_DATABASE: database.url, PANIC_TDA_DATABASE_POOL: String(database.poolSize) };
}

function readDeviceSettings(
  value: (name: VariableName) => string | undefined,
  problems: string[],
): DeviceSettings {
  const wanted = value('PANIC_TDA_DEVICE') ?? DEVICE_SETTINGS.device;
  const device = DEVICE_CHOICES.find((choice) => choice === wanted);
  if (device === undefined) {
    problems.push(`PANIC_TDA_DEVICE is "${wanted}"; it can be ${DEVICE_CHOICES.join(', ')}.`);
  }
  const fallback = value('PANIC_TDA_ALLOW_FALLBACK') ?? '0';
  if (fallback !== '0' && fallback !== '1') {
    problems.push(`PANIC_TDA_ALLOW_FALLBACK is "${fallback}"; it can be 0 or 1.`);
  }
  const memory = (name: 'PANIC_TDA_GPU_MEMORY' | 'PANIC_TDA_RAM'): number | null => {
    const text = value(name);
    if (text === undefined) return null;
    const mib = memoryMiB(text);
    if (mib === undefined) problems.push(`${name} is "${text}"; it can be ${MEMORY_FORMAT}.`);
    return mib ?? null;
  };
  const seconds = (name: 'PANIC_TDA_CALL_SECONDS' | 'PANIC_TDA_LOAD_SECONDS', usual: number): number => {
    const text = value(name) ?? String(usual);
    if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= LONGEST_DEADLINE_SECONDS) {
      return Number(text);
    }
    problems.push(`${name} is "${text}"; it can be a whole number from 1 to ${LONGEST_DEADLINE_SECONDS}.`);
    return usual;
  };
  return {
    device: device ?? DEVICE_SETTINGS.device,
    allowFallback: fallback === '1',
    gpuMemoryMiB: memory('PANIC_TDA_GPU_MEMORY'),
    ramMiB: memory('PANIC_TDA_RAM'),
    callSeconds: seconds('PANIC_TDA_CALL_SECONDS', DEVICE_SETTINGS.callSeconds),
    loadSeconds: seconds('PANIC_TDA_LOAD_SECONDS', DEVICE_SETTINGS.loadSeconds),
  };
}

function readObjectsPlace(
  text: string | undefined,
  variables: Variables,
  problems: string[],
): ObjectsPlace | null {
  if (text === undefined) return null;
  try {
    return placeOfObjects(text, variables);
  } catch (error) {
    problems.push(`PANIC_TDA_OBJECTS: ${errorMessage(error)}.`);
    return null;
  }
}

/** The place that a text names, on the S3 service of the environment. Throws InvalidInput. */
export function placeOfObjects(text: string, variables: Variables = process.env): ObjectsPlace {
  return objectsPlace(text, () => s3Service(variables));
}

/**
 * The S3 service in the variables of AWS's own tools (https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).
 * Credentials stay with the SDK, which knows more places for them than variables.
 */
function s3Service(variables: Variables): S3Service {
  const set = (...names: readonly string[]): string | undefined =>
    names.map((name) => variables[name]?.trim()).find((text) => text !== undefined && text !== '');
  const ignored = set('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS')?.toLowerCase() === 'true';
  const endpoint = ignored ? undefined : set('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL');
  if (endpoint !== undefined) refuseBadEndpoint(endpoint);
  const style = set('PANIC_TDA_S3_PATH_STYLE') ?? (endpoint === undefined ? '0' : '1');
  if (style !== '0' && style !== '1') {
    throw new PanicError('InvalidInput', `PANIC_TDA_S3_PATH_STYLE is "${style}"; it can be 0 or 1`);
  }
  // Services of one's own rarely have regions, and the SDK signs nothing without one.
  const region =
    set('AWS_REGION', 'AWS_DEFAULT_REGION') ?? (endpoint === undefined ? undefined : 'us-east-1');
  return { endpoint, region, pathStyle: style === '1' };
}

function refuseBadEndpoint(endpoint: string): void {
  const url = httpUrl(endpoint);
  if (url !== null && (url.username !== '' || url.password !== '')) {
    throw new PanicError(
      'InvalidInput',
      'AWS_ENDPOINT_URL_S3 holds a user or a password; they belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  if (url === null) {
    throw new PanicError(
      'InvalidInput',
      `AWS_ENDPOINT_URL_S3 is "${endpoint}"; it can be a URL such as https://s3.example.org`,
    );
  }
}

/** The AWS SDK otherwise writes nine lines about the Node version of its later releases; this one is pinned, and runs on ours. */
export function quietAwsSdk(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

/**
 * Lets SQLite read URIs (`file:///path?immutable=1`), which is how a file is read in a folder that may not be written to. better-sqlite3
 * looks at the variable when its first database is opened. Our paths are absolute, and so never taken for URIs.
 */
export function letSqliteReadUris(): void {
  process.env['SQLITE_USE_URI'] = '1';
}

/**
 * How long a worker's requests for work stay open after it began to stop; the Temporal SDK gives them up at once otherwise, and
 * work that the server hands to one at that moment is waited for until its time-out. To be called before workers are made.
 */
export function keepPollsWhileStopping(ms: number): void {
  process.env['TEMPORAL_POLL_SHUTDOWN_INTERRUPT_WAIT_MS'] ??= String(ms);
}

/** The variables that give a child process these settings. */
export function deviceVariables({
  device,
  allowFallback,
  gpuMemoryMiB,
  ramMiB,
  callSeconds,
  loadSeconds,
}: DeviceSettings): Partial<Record<VariableName, string>> {
  return {
    PANIC_TDA_DEVICE: device,
    PANIC_TDA_ALLOW_FALLBACK: allowFallback ? '1' : '0',
    PANIC_TDA_GPU_MEMORY: gpuMemoryMiB === null ? '' : `${gpuMemoryMiB}MiB`,
    PANIC_TDA_RAM: ramMiB === null ? '' : `${ramMiB}MiB`,
    PANIC_TDA_CALL_SECONDS: String(callSeconds),
    PANIC_TDA_LOAD_SECONDS: String(loadSeconds),
  };
}

/** Those of our variables that are set, as they were written but for secrets; for `doctor`. */
export function setVariables(
  variables: Variables = process.env,
): { name: string; value: string; meaning: string }[] {
  return environmentVariables.flatMap(({ name, meaning }) => {
    const value = variables[name];
    if (value === undefined || value === '') return [];
    return [{ name, value: SECRETS.includes(name) ? '(not shown)' : value, meaning }];
  });
}

/** Variables whose whole value is a secret; those of Temporal's are with its profile. */
const SECRET_VALUES: readonly string[] = [
  'PANIC_TDA_SERVER_API_KEY',
  'PGPASSWORD',
  'HF_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'TEMPORAL_API_KEY',
];
/** Variables of an address that may hold a password. */
const ADDRESSES_WITH_PASSWORDS: readonly string[] = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'HF_ENDPOINT',
  'PIP_INDEX_URL',
];

/** The user's passwords and keys, which no message may repeat, whatever a server or a library says (`keepSecrets`). */
export function secretsOf(variables: Variables = process.env): Secret[] {
  const whole = SECRET_VALUES.map((name) => ({ name, value: variables[name] ?? '' }));
  const lines = linesOfKey(variables['TEMPORAL_TLS_CLIENT_KEY_DATA'] ?? '').map((value) => ({
    name: 'TEMPORAL_TLS_CLIENT_KEY_DATA',
    value,
  }));
  const database = passwordsIn(variables['PANIC_TDA_DATABASE'] ?? '').map((value) => ({
    name: 'password of PANIC_TDA_DATABASE',
    value,
  }));
  const addresses = ADDRESSES_WITH_PASSWORDS.flatMap((name) =>
    [name, name.toLowerCase()].map((variable) => ({
      name: `password of ${variable}`,
      value: passwordOf(variables[variable] ?? ''),
    })),
  );
  return [...whole, ...lines, ...database, ...addresses].filter(({ value }) => value !== '');
}

/** A line of a key in PEM says as much as the whole; its first and last lines are everybody's. */
function linesOfKey(pem: string): string[] {
  return pem.split(/\s+/).filter((line) => line.length >= 32 && !line.includes('-----'));
}

/** Of an address with or without its scheme; '' where it has none. */
function passwordOf(address: string): string {
  const password = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^/?#]*?:([^/?#]*)@/i.exec(address.trim())?.[1] ?? '';
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}

/**
 * How to reach the Temporal service that the user has configured with `TEMPORAL_ADDRESS` or with the profile of Temporal's
 * environment configuration (https://docs.temporal.io/develop/environment-configuration); undefined when no address is
 * configured, which means the embedded server. Throws as `temporalProfile` and `connectConfig`.
 */
export function configuredTemporal(variables: Variables = process.env): ClientConnectConfig | undefined {
  const profile = temporalProfile(givenOnly(variables));
  return profile.address ? connectConfig(profile) : undefined;
}

/** The service that a worker polls: the configured one, or the one at `defaultAddress` with whatever else is configured. */
export function workerTemporal(
  defaultAddress: string,
  variables: Variables = process.env,
): ClientConnectConfig & { readonly namespace: string } {
  const profile = temporalProfile(givenOnly(variables));
  const { connectionOptions, namespace } = connectConfig({
    ...profile,
    address: profile.address ?? defaultAddress,
  });
  return { connectionOptions, namespace: namespace ?? 'default' };
}

/** The hub that model files are pulled from, in the variables of its own tools. */
export interface HubAccess {
  /** URL without a slash at the end. */
  readonly endpoint: string;
  /** Never stored or printed. */
  readonly token: string | undefined;
  /** Between here and the hub; each empty where there is none. */
  readonly proxies?: { readonly http: string; readonly https: string; readonly except: string };
}

/**
 * `HF_ENDPOINT` and `HF_TOKEN`, and the proxies that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in capitals or small
 * letters (small ones first, as curl has it). Throws PanicError `InvalidInput` where the endpoint or a proxy is no URL.
 */
export function hubAccess(variables: Variables = process.env): HubAccess {
  const given = variables['HF_ENDPOINT']?.trim() || 'https://huggingface.co';
  if (httpUrl(given) === null) {
    throw new PanicError(
      'InvalidInput',
      `HF_ENDPOINT is "${given}"; it can be a URL such as https://huggingface.co`,
    );
  }
  return {
    endpoint: given.replace(/\/+$/, ''),
    token: variables['HF_TOKEN']?.trim() || undefined,
    ...proxiesOf(variables),
  };
}

/** The proxies of `hubAccess`, for other addresses. Throws PanicError `InvalidInput` where one is no URL. */
export function proxies(variables: Variables = process.env): HubAccess['proxies'] {
  return proxiesOf(variables).proxies;
}

function proxiesOf(variables: Variables): Pick<HubAccess, 'proxies'> {
  const valueOf = (name: string): string => (variables[name.toLowerCase()] ?? variables[name] ?? '').trim();
  const all = proxyUrl('ALL_PROXY', valueOf('ALL_PROXY'));
  const http = proxyUrl('HTTP_PROXY', valueOf('HTTP_PROXY')) || all;
  const https = proxyUrl('HTTPS_PROXY', valueOf('HTTPS_PROXY')) || all;
  if (http === '' && https === '') return {};
  return { proxies: { http, https, except: valueOf('NO_PROXY') } };
}

/** Also without its scheme, as other programs take it. What is told leaves out a password that the address may hold. */
function proxyUrl(name: string, given: string): string {
  if (given === '') return '';
  const address = /^[a-z][a-z0-9+.-]*:\//i.test(given) ? given : `http://${given}`;
  if (httpUrl(address) !== null) return address;
  throw new PanicError(
    'InvalidInput',
    `${name} names a proxy that cannot be used; it can be a URL such as http://proxy.example:3128, with http: or https:`,
  );
}

/** The environment of the embedded server: a user's settings for Temporal clients must not configure it. */
export function temporalServerEnvironment(variables: Variables = process.env): Record<string, string> {
  return {
    // Half of the cores are left to the workers, which wait for the server's threads otherwise: measured on 2 cores, a
    // tenth more invocations a second. Fewer garbage collections take 50 MiB and save a tenth of the server's time.
    GOMAXPROCS: String(Math.max(1, Math.floor(usableCores() / 2))),
    GOGC: '200',
    ...childEnvironment('server', {}, variables),
    // The server otherwise asks its maker once a day whether there is a newer version.
    TEMPORAL_VERSION_CHECK_DISABLED: '1',
  };
}

function userCacheFolder(variables: Variables): string {
  const xdg = variables['XDG_CACHE_HOME'];
  // The specification says that a relative value is invalid and to be ignored.
  return xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
}

function misspeltVariables(variables: Variables): string[] {
  const known: readonly string[] = environmentVariables.map(({ name }) => name);
  return Object.keys(variables)
    .filter((name) => name.startsWith('PANIC_TDA_') && !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known);
      return `${name} is not a variable of panic-tda; ${meant ? `did you mean ${meant}?` : `known are ${known.join(', ')}.`}`;
    });
}

/** An empty value counts as unset: Temporal's reader would take an empty key for a key, and want TLS with it. */
function givenOnly(variables: Variables): Record<string, string> {
  return Object.fromEntries(Object.entries(definedOnly(variables)).filter(([, value]) => value !== ''));
}

function definedOnly(variables: Variables): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) defined[name] = value;
  return defined;
}
