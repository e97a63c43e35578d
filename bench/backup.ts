import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectStoreReadonly } from '../db/index.js';
import { readOptions } from './backup/options.js';
import type { Half } from './backup/options.js';
import { provePostgres } from './backup/postgres.js';
import { findDumpingPostgres } from './backup/postgres-programs.js';
import { proveSqlite } from './backup/sqlite.js';
import { digestIn, invocationsIn, panicTda, timed, writeExperiment } from './backup/steps.js';
import type { Proof } from './backup/steps.js';
import { CommandError, runCommand } from './command.js';
import { EXIT_UNAVAILABLE } from './hosts/requirements.js';
import { buildS3Service } from './hosts/programs.js';

/**
 * `npm run prove-backup`: what docs/backup.md says is done, live, with an SQLite file and a folder, and with Postgres and a bucket; restored
 * elsewhere, found sound, run to its end, and compared with an undisturbed run. Exit status 0 where all of it holds, 1 where something does not, 77
 * where this machine lacks what a half needs.
 */

const MAIN = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const say = (line: string): void => console.log(line);

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-prove-backup-'));
  try {
    const undisturbed = await runUndisturbed(folder, options.runs, options.length);
    const missing: string[] = [];
    for (const half of options.halves) {
      const lacks = await prove(half, { ...undisturbed, folder: join(folder, half) }, options.versitygw);
      if (lacks !== null) missing.push(`${half}: not proved, since ${lacks}`);
    }
    for (const line of missing) say(line);
    if (missing.length > 0) process.exitCode = EXIT_UNAVAILABLE;
    else say('Every restored experiment is equal to the undisturbed one.');
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
});

/** The experiment where nothing happens to it. */
async function runUndisturbed(folder: string, runs: number, length: number): Promise<Omit<Proof, 'folder'>> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(PANIC_TDA_(?!CACHE|TEMPORAL_CLI)|TEMPORAL_|AWS_)/.test(name),
  );
  const env = {
    ...Object.fromEntries(inherited),
    PANIC_TDA_TEST_MODELS: '1',
    PANIC_TDA_DEVICE: 'cpu',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const data = join(folder, 'undisturbed');
  const place = { folder: data, database: null };
  const file = writeExperiment(folder, runs, length);
  say(`${runs} runs of ${length} invocations`);
  await timed(say, 'the undisturbed run', () => panicTda({ main: MAIN, env }, ['run', file, '--data', data]));
  const store = await connectStoreReadonly(place);
  const id = (await store?.experiments.list())?.[0]?.id;
  await store?.close();
  if (id === undefined) throw new CommandError('the undisturbed run stored no experiment');
  const [digest, invocations] = [await digestIn(place, id), await invocationsIn(place, id)];
  return { file, id, digest, invocations, env, main: MAIN, say };
}

/** Null where it holds, or what this machine lacks for it. Throws a CommandError where something does not hold. */
async function prove(half: Half, proof: Proof, versitygw: string | undefined): Promise<string | null> {
  mkdirSync(proof.folder);
  if (half === 'sqlite') {
    say('SQLite and a folder');
    await proveSqlite(proof);
    return null;
  }
  const programs = findDumpingPostgres();
  if ('missing' in programs) return programs.missing;
  say('Postgres and a bucket');
  await provePostgres(proof, programs, versitygw ?? (await buildS3Service(say)));
  return null;
}
