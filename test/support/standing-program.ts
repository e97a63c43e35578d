import { afterAll } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { commandEnvironment, type Ended } from './cli-process.js';
import { WAIT_MS } from './wait-ms.js';

const HOST = fileURLToPath(new URL('standing-process.mjs', import.meta.url));

/** A process that runs one command after another. */
interface StandingProgram {
  readonly process: ChildProcess;
  /** What it wrote beside the output of commands, such as the end of a crash. */
  readonly log: () => string;
}

/** By the words before them. */
const standing = new Map<string, StandingProgram>();
let commands = 0;

function start(before: readonly string[]): StandingProgram {
  const [program, ...args] = [
    ...before,
    process.execPath,
    '--experimental-vm-modules',
    '--no-warnings',
    HOST,
  ];
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: commandEnvironment({}),
  });
  child.setMaxListeners(0);
  let log = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  }
  return { process: child, log: () => log };
}

/**
 * Runs a command like `panicTda`, with the compiled program, but in a process that the test file keeps. A short
 * command takes a tenth of the CPU time of a process of its own. Commands run one after another. For a command
 * that gets a signal, dies, or starts servers and workers, use `panicTda`. The words `before` start the process
 * of the commands, for example as another user.
 */
export async function runCommand(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  before: readonly string[] = [],
): Promise<Ended> {
  if (env['PANIC_TDA_FAULT'] !== undefined)
    throw new Error('a fault would end the process of other commands');
  const name = JSON.stringify(before);
  const program = standing.get(name) ?? start(before);
  standing.set(name, program);
  const { process: child, log } = program;
  const number = commands++;
  return await new Promise((resolve, reject) => {
    const onEnd = (): void => {
      standing.delete(name);
      reject(new Error(`the process of commands ended during ${args.join(' ')}: ${log()}`));
    };
    const onAnswer = (answer: { readonly number: number; readonly ended: Ended }): void => {
      if (answer.number !== number) return;
      child.off('message', onAnswer).off('exit', onEnd);
      resolve(answer.ended);
    };
    child.on('message', onAnswer).on('exit', onEnd);
    child.send({ number, command: { folder, args, env: commandEnvironment(env) } });
  });
}

/**
 * The same for a command that a defect can block for ever, also in a statement of SQLite or in a call of the system. Then the process is
 * killed, and the next command gets another one.
 */
export async function runOrKill(folder: string, args: readonly string[]): Promise<Ended> {
  const killer = setTimeout(() => {
    for (const { process: child } of standing.values()) child.kill('SIGKILL');
  }, WAIT_MS);
  try {
    return await runCommand(folder, args);
  } finally {
    clearTimeout(killer);
  }
}

/** The only JSON document that a command printed. Throws if it printed anything else. */
export async function runJson(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const { stdout } = await runCommand(folder, [...args, '--json'], env);
  return JSON.parse(stdout);
}

afterAll(async () => {
  for (const { process: child } of standing.values()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.disconnect();
    await gone;
  }
  standing.clear();
});
