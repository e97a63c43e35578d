import { afterEach } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { WAIT_MS } from './wait-ms.js';

const started: ChildProcess[] = [];

/**
 * Runs the text of an ES module in a Node of its own, which can import compiled modules of this program by
 * `dist('workers/x.js')`. It talks to the test by its standard output. It is killed after the test if it
 * still runs.
 */
export function runModule(text: string, args: readonly string[] = []): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '-e', text, '--', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  started.push(child);
  return child;
}

/** URL of a compiled module, as a string literal for a module's text. `npm test` builds before it tests. */
export function dist(module: string): string {
  return JSON.stringify(new URL(`../../dist/${module}`, import.meta.url).href);
}

export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** The next line that the child prints. */
export async function nextLine(child: ChildProcess): Promise<string> {
  let text = '';
  while (!text.includes('\n')) {
    const [chunk]: unknown[] = await once(child.stdout!, 'data');
    text += String(chunk);
  }
  return text.trim();
}

/** Waits until the child, which still runs, ends. Returns its exit code; null after a signal. */
export async function exitCode(child: ChildProcess): Promise<number | null> {
  await once(child, 'exit');
  return child.exitCode;
}

/** Sends SIGKILL, and waits until the process is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/**
 * Polls until the condition holds, ever more slowly, since a question costs a process or a server some milliseconds.
 * The error says what it waited for.
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  for (let pauseMs = 10; !(await condition()); pauseMs = Math.min(1.3 * pauseMs, 100)) {
    if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS} ms in vain until ${what}`);
    await sleep(pauseMs);
  }
}

/**
 * Whether the process lives. A process that has ended, and that its new parent has not waited for, does not
 * live.
 */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = `/proc/${pid}/stat`;
  return !existsSync(status) || !/\) [ZX] /.test(readFileSync(status, 'utf8'));
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
