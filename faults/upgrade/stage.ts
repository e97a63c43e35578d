import type { Client } from '@temporalio/client';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Client as PostgresClient } from 'pg';
import { POOL_SIZE } from '../../db/index.js';
import type { StorePlace } from '../../db/index.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { openClient } from '../../workers/temporal/client.js';
import { startTemporalServer } from '../../workers/temporal/server.js';
import { end, panicTda } from '../backup/steps.js';
import type { DumpingPostgres } from '../backup/postgres-programs.js';
import { PASSWORD, startEmbeddedPostgres } from '../../bench/common/embedded-postgres.js';

/**
 * What a fleet needs besides workers: a Postgres database with the tables of the old version, a Temporal
 * service, a place of pictures.
 */
export interface Ground {
  readonly folder: string;
  /** For an operator's shell, and for every worker. */
  readonly env: NodeJS.ProcessEnv;
  /** Address of the database for the role that owns the tables. */
  readonly owner: string;
  readonly place: StorePlace;
  readonly client: Client;
  query(statement: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  stop(): Promise<void>;
}

const [OWNER, WORKER, DATABASE] = ['panic_tda_owner', 'panic_tda_worker', 'panic_tda'];

/** `main` is the compiled command line of the old version. */
export async function layGround(
  folder: string,
  { main, env, programs }: { main: string; env: NodeJS.ProcessEnv; programs: DumpingPostgres },
): Promise<Ground> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  try {
    // Not below the folder of the rehearsal: only root may enter that one, and Postgres runs as another user.
    const own = mkdtempSync(join(tmpdir(), 'panic-tda-rehearsal-postgres-'));
    stops.push(() => rmSync(own, { recursive: true, force: true, maxRetries: 10 }));
    const server = await startEmbeddedPostgres(own, { programs, while: process.pid });
    stops.push(() => server.stop());
    const cli = await findTemporalCli({ fetch: true });
    const temporal = await startTemporalServer({
      cli,
      databaseFile: join(folder, 'temporal', 'temporal.sqlite'),
      logFile: join(folder, 'temporal.log'),
    });
    stops.push(() => temporal.stop());
    const { client, close } = await openClient({ address: temporal.address }, temporal.namespace);
    stops.push(close);
    const owner = server.url(DATABASE, OWNER);
    const superuser = await connected(server.url('postgres'));
    // As in docs/postgres.md.
    for (const role of [OWNER, WORKER])
      await superuser.query(`create role ${role} login password '${PASSWORD}'`);
    await superuser.query(`create database ${DATABASE} owner ${OWNER} template template0 encoding 'UTF8'`);
    await superuser.end();
    await panicTda({ main, env }, ['setup', 'database', '--app-role', WORKER], {
      PANIC_TDA_DATABASE: owner,
    });
    const database = await connected(server.url(DATABASE));
    stops.push(() => database.end());
    const url = server.url(DATABASE, WORKER);
    const data = join(folder, 'data');
    return {
      folder,
      owner,
      client,
      place: { folder: data, database: { url, poolSize: POOL_SIZE.default } },
      env: {
        ...env,
        PATH: [programsFolder(folder, cli.path), dirname(programs.dump), env['PATH']].join(delimiter),
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        PANIC_TDA_DATABASE: url,
        PANIC_TDA_DATA: data,
        PANIC_TDA_OBJECTS: join(folder, 'pictures'),
        // Each activity is one step, so that a workflow soon asks which workers go on with it.
        PANIC_TDA_ACTIVITY_MS: '1',
      },
      query: async (statement) => (await database.query<Record<string, unknown>>(statement)).rows,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function connected(url: string): Promise<PostgresClient> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  return client;
}

/** A folder with the Temporal CLI and this Node under the names that the page uses. */
function programsFolder(folder: string, temporal: string): string {
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  symlinkSync(temporal, join(programs, 'temporal'));
  symlinkSync(process.execPath, join(programs, 'node'));
  return programs;
}

/** An experiment that a user of the old version started, and watches. */
export interface Watched {
  /** Exit code or signal of its command; null while it runs. */
  ending(): string | null;
  said(): string;
  stop(): Promise<void>;
}

export function startExperiment(main: string, file: string, env: NodeJS.ProcessEnv): Watched {
  const child = spawn(process.execPath, [main, 'run', file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  return {
    ending: () => child.signalCode ?? child.exitCode?.toString() ?? null,
    said: () => said,
    stop: () => end(child, 'SIGKILL'),
  };
}

export function writeWatchedExperiment(
  folder: string,
  runs: number,
  length: number,
  describer: string,
): string {
  const file = join(folder, 'experiment.json');
  const experiment = {
    networks: [['DummyT2I', describer]],
    prompts: ['a lighthouse in fog'],
    seeds: Array.from({ length: runs }, (_, index) => index + 1),
    embedding_models: ['Dummy'],
    max_length: length,
    on_cycle: 'continue',
    // All runs are under way from the beginning.
    concurrency: runs,
  };
  writeFileSync(file, JSON.stringify(experiment));
  return file;
}
