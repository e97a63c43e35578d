import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** Starts a program whose output is appended to a file. */
export function launch(
  command: string,
  args: readonly string[],
  { env, logFile }: { readonly env: Readonly<Record<string, string>>; readonly logFile: string },
): ChildProcess {
  const log = openSync(logFile, 'a');
  // A process group of its own, as a terminal or an init system gives each.
  const child = spawn(command, args, { stdio: ['ignore', log, log], env, detached: true });
  closeSync(log);
  return child;
}

/** Starts `panic-tda …`. */
export function launchCli(
  words: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly logFile: string },
): ChildProcess {
  return launch(process.execPath, [CLI, ...words], options);
}

/** What every process of ours is given, and nothing of the caller's own settings for this program, Temporal or S3. */
export function commonVariables(temporalCli: string, cacheFolder: string): Record<string, string> {
  const { PATH = '', HOME = '/root' } = process.env;
  return {
    PATH,
    HOME,
    PANIC_TDA_CACHE: cacheFolder,
    PANIC_TDA_TEST_MODELS: '1',
    PANIC_TDA_TEMPORAL_CLI: temporalCli,
    PANIC_TDA_DEVICE: 'cpu',
    // Nobody is to be asked for other keys.
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
