import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { WAIT_MS } from './wait-ms.js';

/** The compiled command line, as users run it. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  /** Exit code; null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Its output so far. */
  stdout(): string;
  stderr(): string;
}

/** The environment of a command, without the settings of the user who runs the tests. */
export function commandEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(PANIC_TDA_(?!CACHE|TEMPORAL_CLI)|TEMPORAL_|NODE_OPTIONS)/.test(name),
  );
  return { ...Object.fromEntries(inherited), PANIC_TDA_TEST_MODELS: '1', ...env };
}

/** Starts `panic-tda` in a folder. `main` is the compiled program; `node` are options that NODE_OPTIONS does not take. */
export function startPanicTda(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  main: string = MAIN,
  node: readonly string[] = [],
): Running {
  const child = spawn(process.execPath, [...node, main, ...args], {
    cwd: folder,
    env: commandEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    // It never ran, for example because its folder is gone.
    child.once('error', (error) => resolve({ code: null, stdout, stderr: `${stderr}${error.message}` }));
  });
  started.add(child);
  child.once('exit', () => started.delete(child));
  return { process: child, ended, stdout: () => stdout, stderr: () => stderr };
}

export async function panicTda(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  main: string = MAIN,
): Promise<Ended> {
  return await startPanicTda(folder, args, env, main).ended;
}

/** The only JSON document that a command printed. Throws if it printed anything else. */
export async function panicTdaJson(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const { stdout } = await panicTda(folder, [...args, '--json'], env);
  return JSON.parse(stdout);
}

const started = new Set<ChildProcess>();
const folders: string[] = [];

/** A new folder with experiment files in it. */
export function folderWith(files: Readonly<Record<string, unknown>> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'panic-tda-cli-')));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

/** Ends processes that a failed test left, and removes the folders. */
export async function cleanUp(): Promise<void> {
  for (const child of started) child.kill('SIGTERM');
  await until(() => started.size === 0).catch(() => {
    for (const child of started) child.kill('SIGKILL');
  });
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

/**
 * Waits until the condition holds. Throws after `WAIT_MS`, with the text of `told`.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  told: () => string = () => '',
): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`it did not happen within ${WAIT_MS} ms ${told()}`);
    await sleep(100);
  }
}

const RunInfo = z.object({
  pid: z.number(),
  serverPid: z.number().optional(),
  workerPids: z.array(z.number()).optional(),
});

/** The record of the running process in a data folder; null while it is being rewritten. */
export function runInfo(data: string): z.output<typeof RunInfo> | null {
  let record: unknown;
  try {
    record = JSON.parse(readFileSync(join(data, 'run.json'), 'utf8'));
  } catch {
    return null;
  }
  return RunInfo.parse(record);
}
