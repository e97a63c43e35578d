import { OBJECTS_PLACE_FORMAT } from '../../db/objects/place.js';
import { POOL_SIZE } from '../../db/postgres/service.js';
import { nearest } from '../../common/nearest.js';
import { DEVICE_SETTINGS } from '../../models/choices.js';

export type Variables = Readonly<Record<string, string | undefined>>;

// Temporal costs 10 to 20 ms of CPU for each activity, and a run waits 20 to 50 ms for its next one. Ten
// seconds of steps make that small, and what people see of a run in Temporal is at most that old.
export const ACTIVITY_MS = 10_000;

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
    meaning: 'connections to that database that a process opens at most',
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
    meaning: 'the Temporal CLI to use; panic-tda does not check it, and tries no other',
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
      'seconds after which a worker ends a call of a model on this machine, with its process; a model that has answered gets 100 times ' +
      'its longest call, at least 10 minutes and no more than this',
    default: String(DEVICE_SETTINGS.callSeconds),
  },
  {
    name: 'PANIC_TDA_LOAD_SECONDS',
    meaning: 'seconds after which a worker ends a process that still loads its model',
    default: String(DEVICE_SETTINGS.loadSeconds),
  },
  { name: 'PANIC_TDA_FAULT', meaning: 'crash drills: the fault point at which to die', default: 'none' },
  {
    name: 'PANIC_TDA_TEST_MODELS',
    meaning: '1 adds models that misbehave on purpose, for tests, to the catalogue',
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
      'host names to which the web UI and the health and metrics of workers answer, with commas between',
    default: 'none: localhost and addresses of this machine alone',
  },
  {
    name: 'PANIC_TDA_SERVER_HOSTS',
    meaning:
      'hosts beside this one whose model servers a worker may ask: names or name:port, with commas between',
    default: 'none',
  },
  {
    name: 'PANIC_TDA_SERVER_API_KEY',
    meaning: 'the key that a worker sends to model servers; panic-tda never stores it',
    default: 'none',
  },
  {
    name: 'PANIC_TDA_SHARE_WITH_GROUP',
    meaning:
      '1 lets the group of a folder read what panic-tda makes in it: modes 0750 and 0640 instead of 0700 and 0600',
    default: '0',
  },
  {
    name: 'PANIC_TDA_PASS_VARIABLES',
    meaning: 'names of further variables that every child process gets, with commas between',
    default: 'none: a child gets what its kind needs (docs/security.md)',
  },
] as const;

const SECRETS: readonly string[] = ['PANIC_TDA_SERVER_API_KEY', 'PANIC_TDA_DATABASE'];

export type VariableName = (typeof environmentVariables)[number]['name'];

/** Our variables that are set, for `doctor`: their values as the user wrote them, without secrets. */
export function setVariables(
  variables: Variables = process.env,
): { name: string; value: string; meaning: string }[] {
  return environmentVariables.flatMap(({ name, meaning }) => {
    const value = variables[name];
    if (value === undefined || value === '') return [];
    return [{ name, value: SECRETS.includes(name) ? '(not shown)' : value, meaning }];
  });
}

export function misspeltVariables(variables: Variables): string[] {
  const known: readonly string[] = environmentVariables.map(({ name }) => name);
  return Object.keys(variables)
    .filter((name) => name.startsWith('PANIC_TDA_') && !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known);
      return `${name} is not a variable of panic-tda; ${meant ? `did you mean ${meant}?` : `known are ${known.join(', ')}.`}`;
    });
}

export function listed(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
