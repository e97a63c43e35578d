import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment } from '../../common/child-environment.js';

/** A living process of this user, from /proc, or from ps where there is none. */
export interface OwnProcess {
  readonly pid: number;
  /** When it began, in the system's own words: another process that has the same number later has another one. */
  readonly startedAt: string;
  /** Full path of its program; null where the system does not tell. */
  readonly program: string | null;
  /** Its words, as they were given; with blanks in them they cannot be told apart where ps has told them. */
  readonly words: readonly string[];
}

const linux = process.platform === 'linux';

/** Every process of this user but this one. */
export function ownProcesses(): OwnProcess[] {
  const all = linux ? numbers().flatMap((pid) => fromProc(pid) ?? []) : fromPs();
  return all.filter(({ pid }) => pid !== process.pid);
}

/** The process that has this number now; undefined where none of this user has. */
export function ownProcess(pid: number): OwnProcess | undefined {
  return linux ? fromProc(pid) : fromPs().find((one) => one.pid === pid);
}

/** Whether these words, one after the other, are among those of a process. */
export function hasWords(words: readonly string[], wanted: readonly string[]): boolean {
  // ps parts words by blanks, as are those within one.
  const separator = linux ? '\0' : ' ';
  const within = [...words, ''].join(separator);
  return `${separator}${within}`.includes(`${separator}${[...wanted, ''].join(separator)}`);
}

/** Whether the last words of a process are these. */
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
    // Empty for a process that has ended and was not yet waited for.
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (line === '') return undefined;
    const words = line.replace(/\0$/, '').split('\0');
    // The name in parentheses may itself hold parentheses and blanks; the start is field 22 (proc_pid_stat(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return { pid, startedAt, program: programOf(pid), words };
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

function programOf(pid: number): string | null {
  try {
    // A file that was replaced since is the same program.
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    return null;
  }
}

function fromPs(): OwnProcess[] {
  const programs = new Map(psLines('comm=').map(({ pid, rest }) => [pid, rest]));
  return psLines('lstart=,args=').map(({ pid, rest }) => ({
    pid,
    // "Sun Nov 29 11:52:50 2026", always as long.
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
 * SIGTERM, then SIGKILL after the grace time. Returns when the process is gone, or throws after another five seconds. Never signals
 * another process that has got its number.
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
