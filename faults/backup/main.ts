import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.js';
import type { Half } from './options.js';
import { provePostgres } from './postgres.js';
import { findDumpingPostgres } from './postgres-programs.js';
import { proveSqlite } from './sqlite.js';
import { plainEnvironment, runUndisturbed, writeExperiment } from './steps.js';
import type { Proof } from './steps.js';
import { runCommand } from '../../bench/common/command.js';
import { EXIT_UNAVAILABLE } from '../machines/requirements.js';
import { buildS3Service } from '../machines/programs.js';

/**
 * `npm run prove-backup`: carries out what docs/backup.md says, on a live store: with an SQLite file and a
 * folder, and with Postgres and a bucket. Each copy is restored elsewhere, checked, run to its end, and
 * compared with an undisturbed run. Exit status 0 if all of it holds, 1 if something does not, 77 if this
 * machine lacks what a half needs.
 */

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const say = (line: string): void => console.log(line);

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-prove-backup-'));
  try {
    const env = { ...plainEnvironment(), PANIC_TDA_TEST_MODELS: '1' };
    const file = writeExperiment(folder, options.runs, options.length);
    say(`${options.runs} runs of ${options.length} invocations`);
    const program = { main: MAIN, env, say };
    const undisturbed = { ...program, file, ...(await runUndisturbed(program, folder, file)) };
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

/** Null if it holds, or what this machine lacks for it. Throws a CommandError if something does not hold. */
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
