import { existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { PostgresMissing, startEmbeddedPostgres } from '../../bench/common/embedded-postgres.js';
import { z } from 'zod';
import { readJsonFile } from './json.js';

/** The suite's Postgres server, or why there is none. Addresses are those of its superuser. */
export type SuitePostgres =
  | { readonly available: true; readonly urlOf: (database: string) => string }
  | { readonly available: false; readonly reason: string };

const Word = z.object({
  url: z.string().optional(),
  /** What this machine lacks. */
  missing: z.string().optional(),
  /** The error of the start. Every test file that needs the server then fails. */
  failed: z.string().optional(),
});
type Word = z.output<typeof Word>;

/**
 * One real Postgres server for the whole suite. The first test file that asks starts it, and it ends with the
 * suite. Test files are processes of their own, so a file in the suite's folder has its address.
 */
export async function suitePostgres(): Promise<SuitePostgres> {
  const folder = process.env['SUITE_FOLDER'];
  if (folder === undefined) throw new Error('SUITE_FOLDER is missing: test/global-setup.mjs makes it');
  const file = join(folder, 'postgres.json');
  if (claims(folder)) {
    const word = await start();
    writeFileSync(`${file}.new`, JSON.stringify(word));
    renameSync(`${file}.new`, file);
  }
  while (!existsSync(file)) await sleep(50);
  const { url, missing, failed } = readJsonFile(file, Word);
  if (missing !== undefined) return { available: false, reason: missing };
  if (url === undefined) throw new Error(`the suite's Postgres server did not start: ${failed}`);
  return {
    available: true,
    urlOf: (database) => Object.assign(new URL(url), { pathname: `/${database}` }).href,
  };
}

/** Making a folder is atomic. */
function claims(folder: string): boolean {
  try {
    mkdirSync(join(folder, 'postgres'));
    return true;
  } catch {
    return false;
  }
}

async function start(): Promise<Word> {
  try {
    // Not in the suite's folder, which only root may enter if root runs the suite.
    const folder = mkdtempSync(join(tmpdir(), 'panic-tda-postgres-'));
    const server = await startEmbeddedPostgres(folder, {
      while: Number(process.env['SUITE_PID']),
      // The server outlives the test file that starts it.
      variables: { SUITE_MARK: process.env['SUITE_RUN_MARK'] ?? '' },
    });
    writeFileSync(
      join(process.env['SUITE_FOLDER']!, 'postgres-process.json'),
      JSON.stringify({ pid: server.pid, folder }),
    );
    return { url: server.url('postgres') };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof PostgresMissing ? { missing: message } : { failed: message };
  }
}

let made = 0;

/**
 * Makes a database, empty or as a copy of another one without connections; returns its name. It ends with the
 * server.
 */
export async function createDatabase(
  urlOf: (database: string) => string,
  template = 'template0',
): Promise<string> {
  const name = `test_${process.pid}_${Date.now()}_${made++}`;
  // Copies the files without writing their pages to the log, which is twice as fast.
  const statement = `create database ${name} template ${template} strategy file_copy`;
  await asSuperuser(urlOf('postgres'), (client) => client.query(statement));
  return name;
}

/** Opens a connection and passes it to `use`. */
export async function asSuperuser<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
