import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * Finds processes that tests start by a mark in their environment, which their children inherit. A mark is a
 * path of names, from the run of Jest down to the test file: `/run-812/process-840/file-7`. Its variable does
 * not begin with `PANIC_TDA_`, since the program refuses unknown ones.
 */
export const MARK = 'SUITE_MARK';

/**
 * The processes of a mark and of all marks below it, and their descendants without the mark. Empty without
 * /proc.
 */
export function markedProcesses(mark) {
  const all = processes();
  const found = new Set(all.filter(({ pid }) => isMarked(pid, mark)).map(({ pid }) => pid));
  // A server may overwrite its environment, as Postgres does with the titles of its processes.
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  found.delete(process.pid);
  return [...found];
}

/**
 * Ends them, and those that they start meanwhile, by SIGKILL; Postgres by an orderly signal first. Resolves
 * with the command lines of the processes that it found.
 */
export async function endMarked(mark) {
  const met = new Map();
  for (let empty = 0, round = 0; empty < 2 && round < 200; round++) {
    const pids = markedProcesses(mark);
    empty = pids.length === 0 ? empty + 1 : 0;
    for (const pid of pids) {
      const command = read(pid, 'cmdline').replaceAll('\0', ' ').trim();
      if (!met.has(pid)) met.set(pid, command);
      // SIGQUIT is Postgres' immediate shutdown, which frees its shared memory.
      const inOrder = round < 20 && /\bpostgres\b/.test(command);
      signal(pid, inOrder ? 'SIGQUIT' : 'SIGKILL');
    }
    await sleep(pids.length === 0 ? 20 : 100);
  }
  return [...met].map(([pid, command]) => `${pid}: ${command.slice(0, 200)}`);
}

/**
 * Starts a process that ends all processes with the mark as soon as this process is gone, however it ended:
 * the kernel then closes the pipe between them. The guard is in a process group of its own, which a
 * terminal's Ctrl-C does not reach.
 */
export function guard(mark) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('guard.mjs', import.meta.url)), mark], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
    // The guard has no mark, or it would end itself.
    env: { ...process.env, NODE_OPTIONS: '', [MARK]: '' },
  });
  child.unref();
  child.stdin.unref();
  child.stdin.on('error', () => undefined);
  return child;
}

function processes() {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        // The name in parentheses may contain parentheses and blanks.
        const stat = read(name, 'stat');
        const [, state, parent] = /^\) (\S) (\d+) /.exec(stat.slice(stat.lastIndexOf(')'))) ?? [];
        return parent === undefined || state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent) }];
      });
  } catch {
    return [];
  }
}

function isMarked(pid, mark) {
  return read(pid, 'environ')
    .split('\0')
    .some((entry) => entry === `${MARK}=${mark}` || entry.startsWith(`${MARK}=${mark}/`));
}

function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // The process ended, or belongs to another user.
    return '';
  }
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // It ended.
  }
}
