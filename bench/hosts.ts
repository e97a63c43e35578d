import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTemporalCli } from '../workers/temporal-cli.js';
import { CommandError, runCommand } from './command.js';
import { postgresPrograms } from './embedded-postgres.js';
import { readOptions, type HostsOptions } from './hosts/options.js';
import { buildPrograms } from './hosts/programs.js';
import { EXIT_UNAVAILABLE, missingRequirements } from './hosts/requirements.js';
import type { InsideSettings } from './hosts/settings.js';

/**
 * `npm run hosts`: an experiment on four hosts, which are network namespaces of this machine, while hosts, cables and servers
 * fail. docs/hosts.md says what it shows. Exit status 0 where nothing was lost or doubled, 1 where something was, 2 for bad options, 77
 * where this machine lacks what is needed.
 */

const INSIDE = fileURLToPath(new URL('hosts/inside.js', import.meta.url));
const STOP_SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A bad option, as for the commands of the program. */
const EXIT_BAD_USE = 2;
/** What is inside gets this long to end in order. */
const GRACE_MS = 10_000;

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
    process.exitCode = await runInside({ options, programs, postgres, temporalCli, folder });
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
  // Postgres, which is not run as root, has a folder in it.
  chmodSync(folder, 0o755);
  return folder;
}

/** In namespaces of its own; what becomes of this process, the kernel ends all of them with the first process in them. */
async function runInside(settings: InsideSettings): Promise<number> {
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const inside = spawn('unshare', [...namespaces, process.execPath, INSIDE, JSON.stringify(settings)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Ctrl-C reaches this process alone, which then ends the others in order.
    detached: true,
  });
  let stopped = 0;
  for (const [signal, code] of Object.entries(STOP_SIGNALS)) {
    process.on(signal, () => {
      stopped = code;
      if (inside.connected) inside.send('end');
      setTimeout(() => inside.kill('SIGKILL'), GRACE_MS).unref();
    });
  }
  const [code, signal] = (await once(inside, 'exit')) as [number | null, string | null];
  if (stopped > 0) return stopped;
  if (signal !== null) console.error(`the namespaces ended by ${signal}`);
  return code ?? 1;
}
