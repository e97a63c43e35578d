import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { CommandError } from './command.js';
import { processesUnder, type ProcessUse } from './process-tree.js';

/** The resources of a command and of all processes that it started. */
export interface CommandUse {
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly wallMs: number;
  /**
   * Peak memory of all of them together: resident (pages of files that several share count for each), and
   * without files.
   */
  readonly peak: { readonly residentMiB: number; readonly anonymousMiB: number };
  /** The last look at all of them. At the end they leave one by one. */
  readonly last: readonly ProcessUse[];
}

const SAMPLE_MS = 250;
const SHOWN_LINES = 12;

/**
 * Runs a command to its end and watches its processes. Its output goes to the log file.
 *
 * Throws a CommandError with its last lines if it ends with none of the exit codes (default: 0).
 */
export async function watchCommand(
  command: string,
  args: readonly string[],
  {
    env,
    logFile,
    exitCodes = [0],
  }: {
    readonly env: NodeJS.ProcessEnv;
    readonly logFile: string;
    readonly exitCodes?: readonly (number | null)[];
  },
): Promise<CommandUse> {
  const log = openSync(logFile, 'w');
  const startedAtMs = Date.now();
  const child = spawn(command, args, { stdio: ['ignore', log, log], env });
  closeSync(log);
  let residentMiB = 0;
  let anonymousMiB = 0;
  let last: readonly ProcessUse[] = [];
  const sampler = setInterval(() => {
    if (child.pid === undefined) return;
    const uses = processesUnder(child.pid);
    residentMiB = Math.max(residentMiB, sum(uses.map((use) => use.rssMiB)));
    anonymousMiB = Math.max(anonymousMiB, sum(uses.map((use) => use.anonymousMiB)));
    if (uses.length >= last.length) last = uses;
  }, SAMPLE_MS);
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) =>
      resolve(exitCodes.includes(code) ? '' : `ended with ${signal ?? code}`),
    );
  });
  clearInterval(sampler);
  if (ending !== '') {
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-SHOWN_LINES);
    throw new CommandError(`${[command, ...args].join(' ')}: ${ending}\n${lines.join('\n')}`);
  }
  return { startedAtMs, wallMs: Date.now() - startedAtMs, peak: { residentMiB, anonymousMiB }, last };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
