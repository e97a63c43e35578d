import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment } from '../../common/child-environment.js';

/** A living process of this user. /proc tells it, or ps on systems without /proc. */
export interface OwnProcess {
  readonly pid: number;
  /** Start time in the system's own words. It tells the process from a later one with the same number. */
  readonly startedAt: string;
  /** Full path of the program; null if the system does not tell. */
  readonly program: string | null;
  /** The arguments. If ps told them, an argument with blanks cannot be told from several arguments. */
  readonly words: readonly string[];
}

const linux = process.platform === 'linux';

/** All processes of this user, without this one. */
export function ownProcesses(): OwnProcess[] {
  const all = linux ? numbers().flatMap((pid) => fromProc(pid) ?? []) : fromPs();
  return all.filter(({ pid }) => pid !== process.pid);
}

/** The process that has this number now; undefined if this user has none. */
export function ownProcess(pid: number): OwnProcess | undefined {
  return linux ? fromProc(pid) : fromPs().find((one) => one.pid === pid);
}

/** Whether the process has these arguments, one after the other. */
export function hasWords(words: readonly string[], wanted: readonly string[]): boolean {
  // ps separates arguments by blanks, and an argument may have blanks too.
  const separator = linux ? '\0' : ' ';
  const within = [...words, ''].join(separator);
  return `${separator}${within}`.includes(`${separator}${[...wanted, ''].join(separator)}`);
}

/** Whether the process has these arguments at the end. */
export function endsWithWords(words: readonly string[], wanted: readonly string[]): boolean {
  const separator = linux ? '\0' : ' ';
  return `${separator}${words.join(separator)}`.endsWith(`${separator}${wanted.join(separator)}`);
}

function numbers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function fromProc(pid: number): OwnProcess | undefined {
  try {
    const [, user] = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    if (Number(user) !== process.geteuid?.()) return undefined;
    // Empty for a process that has ended while its parent has not waited for it.
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (line === '') return undefined;
    const words = line.replace(/\0$/, '').split('\0');
    // The name in parentheses may contain parentheses and blanks. The start time is field 22
    // (proc_pid_stat(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return { pid, startedAt, program: programOf(pid), words };
  } catch {
    // The process ended meanwhile.
    return undefined;
  }
}

function programOf(pid: number): string | null {
  try {
    // The program's file may have been replaced since the process began.
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    return null;
  }
}

function fromPs(): OwnProcess[] {
  const programs = new Map(psLines('comm=').map(({ pid, rest }) => [pid, rest]));
  return psLines('lstart=,args=').map(({ pid, rest }) => ({
    pid,
    // "Sun Nov 29 11:52:50 2026"; the length is always the same.
    startedAt: rest.slice(0, 24),
    program: programs.get(pid) ?? null,
    words: rest.slice(24).trim().split(' '),
  }));
}

function psLines(columns: string): { pid: number; rest: string }[] {
  const user = String(process.geteuid?.() ?? '');
  const output = execFileSync('ps', ['-ww', '-U', user, '-o', `pid=,${columns}`], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    env: { ...childEnvironment('probe'), LC_ALL: 'C' },
  });
  return output.split('\n').flatMap((line) => {
    const [, pid, rest = ''] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), rest: rest.trimStart() }];
  });
}

/**
 * Sends SIGTERM, then SIGKILL after the grace time. Returns when the process is gone; throws if it is still
 * there five seconds later. Never signals another process that has got its number.
 */
export async function endProcess(target: OwnProcess, graceMs: number): Promise<void> {
  const isThere = (): boolean => ownProcess(target.pid)?.startedAt === target.startedAt;
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 5000],
  ] as const) {
    if (!isThere()) return;
    try {
      process.kill(target.pid, signal);
    } catch {
      if (!isThere()) return;
    }
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if (!isThere()) return;
      await sleep(20);
    }
  }
  throw new Error(`process ${target.pid} could not be ended`);
}
