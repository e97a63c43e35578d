import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { CommandError, runCommand } from '../../bench/common/command.js';
import { postgresPrograms } from '../../bench/common/embedded-postgres.js';
import { readOptions, type HostsOptions } from './options.js';
import { buildPrograms } from './programs.js';
import { EXIT_UNAVAILABLE, missingRequirements } from './requirements.js';
import type { InsideSettings } from './settings.js';
import { runInNamespaces } from '../common/namespaces.js';

/**
 * `npm run hosts`: an experiment on four hosts, which are network namespaces of this machine, while hosts,
 * cables and servers fail. docs/hosts.md says what it shows. Exit status 0 if nothing was lost or doubled, 1
 * if something was, 2 for bad options, 77 if this machine lacks what is needed.
 */

const INSIDE = fileURLToPath(new URL('inside.js', import.meta.url));
const NAMESPACES = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** A bad option, as for the commands of the program. */
const EXIT_BAD_USE = 2;
await runCommand(async () => {
  const options = optionsOrExplain();
  if (options === null) return;
  const missing = missingRequirements(process.env['PATH']);
  if (missing.length > 0) {
    console.error(
      `This machine cannot be several hosts:\n${missing.map((what) => `  - ${what}`).join('\n')}\nNothing was started.`,
    );
    process.exitCode = EXIT_UNAVAILABLE;
    return;
  }
  const { path: temporalCli } = await findTemporalCli({ fetch: true, onProgress: say });
  const programs = await buildPrograms(say);
  const folder = makeFolder(options.keep);
  try {
    const postgres = await postgresPrograms(folder);
    const settings: InsideSettings = { options, programs, postgres, temporalCli, folder };
    process.exitCode = await runInNamespaces(INSIDE, settings, NAMESPACES);
  } finally {
    if (options.keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
});

function optionsOrExplain(): HostsOptions | null {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    process.exitCode = EXIT_BAD_USE;
    return null;
  }
}

function say(line: string): void {
  console.error(line);
}

function makeFolder(keep: string | undefined): string {
  if (keep !== undefined && existsSync(keep))
    throw new CommandError(`--keep ${keep} is there already; name a new folder`);
  const folder = keep === undefined ? mkdtempSync(join(tmpdir(), 'panic-tda-hosts-')) : resolve(keep);
  mkdirSync(folder, { recursive: true });
  // Postgres, which does not run as root, has a folder in it.
  chmodSync(folder, 0o755);
  return folder;
}
