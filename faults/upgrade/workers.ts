import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';
import { CommandError } from '../../bench/common/command.js';
import { endingOf } from '../common/keeper.js';
import { processTree } from '../../bench/common/process-tree.js';

/** A worker that a line of the page started. */
export interface StartedWorker {
  readonly pid: number;
  /** As the worker printed it. */
  readonly buildId: string;
  /** Throws a CommandError unless it soon ends with exit code 0. */
  requireGoodEnd(): Promise<void>;
  ready(): Promise<{ readonly status: number; readonly remarks: readonly string[] }>;
  /** Attempts of activities that ended at it. */
  attempts(): Promise<number>;
  kill(): Promise<void>;
}

const START_MS = 120_000;
const END_MS = 60_000;

/**
 * Runs one line as a process of its own, and waits until its worker serves. Throws a CommandError with its
 * output if it does not.
 */
export async function startWorker(
  prelude: string,
  line: string,
  env: NodeJS.ProcessEnv,
): Promise<StartedWorker> {
  if (!/--listen \d+/.test(line)) throw new CommandError(`"${line}" does not start a worker that listens`);
  // Any free port, since the port of the page may be taken.
  const script = `${prelude}${line.replace(/--listen \d+/, '--listen 0')}`;
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const deadline = performance.now() + START_MS;
  for (;;) {
    const announced = announcedIn(said);
    if (announced !== null) return { ...announced, ...running(line, shell, announced.health, () => said) };
    if (hasEnded(shell) || performance.now() > deadline) {
      await killShell(shell);
      throw new CommandError(`"${line}" does not serve:\n${said}`);
    }
    await sleep(100);
  }
}

/** What a worker prints when it serves; null before. */
function announcedIn(said: string) {
  const [, pid] = /^(\d+)@\S+ serves /m.exec(said) ?? [];
  const [, health] = /^Health: (http:\/\/\S+)\/health/m.exec(said) ?? [];
  const [, buildId] = /^It gets work once .* --build-id (\S+)$/m.exec(said) ?? [];
  if (pid === undefined || health === undefined || buildId === undefined) return null;
  return { pid: Number(pid), health, buildId };
}

function running(
  line: string,
  shell: ChildProcess,
  health: string,
  said: () => string,
): Omit<StartedWorker, 'pid' | 'buildId'> {
  async function ask(path: string): Promise<Response> {
    try {
      return await fetch(`${health}${path}`);
    } catch (error) {
      throw new CommandError(`"${line}" does not answer (${errorMessage(error)}):\n${said()}`);
    }
  }

  return {
    async requireGoodEnd() {
      const ending = await endingOf(shell, END_MS);
      if (ending === null) throw new CommandError(`"${line}" has not ended after ${END_MS / 1000} s`);
      if (ending.code !== 0) {
        throw new CommandError(
          `"${line}" ended with ${ending.signal ?? ending.code} instead of 0:\n${said()}`,
        );
      }
    },
    async ready() {
      const response = await ask('/ready');
      const { remarks }: { readonly remarks: readonly string[] } = JSON.parse(await response.text());
      return { status: response.status, remarks };
    },
    async attempts() {
      const text = await (await ask('/metrics')).text();
      const counts = [...text.matchAll(/^panic_tda_activity_attempts_total\{.*\} (\d+)$/gm)];
      if (counts.length === 0) throw new CommandError(`"${line}" tells no attempts in its metrics`);
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    },
    kill: () => killShell(shell),
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Also kills the worker that the shell waits for. */
async function killShell(shell: ChildProcess): Promise<void> {
  if (shell.pid === undefined || hasEnded(shell)) return;
  for (const { pid } of processTree(shell.pid).toReversed()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  await endingOf(shell, Infinity);
}
