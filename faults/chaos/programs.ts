import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** Starts a program and appends its output to a file. */
export function launch(
  command: string,
  args: readonly string[],
  { env, logFile }: { readonly env: Readonly<Record<string, string>>; readonly logFile: string },
): ChildProcess {
  const log = openSync(logFile, 'a');
  // It has a process group of its own, as it would have from a terminal or an init system.
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

/**
 * The variables of every process of ours. They contain none of the caller's settings for this program,
 * Temporal or S3.
 */
export function commonVariables(temporalCli: string, cacheFolder: string): Record<string, string> {
  const { PATH = '', HOME = '/root' } = process.env;
  return {
    PATH,
    HOME,
    PANIC_TDA_CACHE: cacheFolder,
    PANIC_TDA_TEST_MODELS: '1',
    PANIC_TDA_TEMPORAL_CLI: temporalCli,
    PANIC_TDA_DEVICE: 'cpu',
    // The SDK must not ask a cloud's metadata service for other keys.
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
