import { readFileSync, statSync } from 'node:fs';

/** A process that holds an SQLite lock on a file, according to the system. */
export interface LockHolder {
  readonly pid: number;
  /** The number of the process's user. */
  readonly user: number;
}

/**
 * Another process that holds the lock of a file, according to /proc/locks (proc_locks(5)). Null if the system
 * shows none, or has no /proc.
 */
function lockHolder(file: string): LockHolder | null {
  return holderAmong(file, () => true);
}

/** A process of another user that holds the lock of a file. Many processes may hold a shared lock. */
export function lockHolderOfAnotherUser(file: string): LockHolder | null {
  return holderAmong(file, isAnotherUser);
}

/**
 * A process of another user that keeps other processes from writing to a database. A process that only reads
 * does not.
 */
export function writerOfAnotherUser(file: string): LockHolder | null {
  return (
    holderAmong(file, isAnotherUser, (kind, from) => kind === 'WRITE' || from < FIRST_SHARED_BYTE) ??
    holderAmong(`${file}-shm`, isAnotherUser, (kind, from) => kind === 'WRITE' || from < FIRST_READER_BYTE)
  );
}

// The first bytes behind those that a writer locks (https://sqlite.org/lockingv3.html; https://sqlite.org/walformat.html, 2.3.1).
const FIRST_SHARED_BYTE = 0x40000002;
const FIRST_READER_BYTE = 123;

function holderAmong(
  file: string,
  isMeant: (holder: LockHolder) => boolean,
  bars: (kind: string | undefined, firstByte: number) => boolean = () => true,
): LockHolder | null {
  try {
    const { ino } = statSync(file);
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      // A holder: "1: POSIX  ADVISORY  WRITE 812 fe:00:9978113 1073741824 1073742335". A line "1: -> POSIX …"
      // is a process that only waits.
      const [, kind, pid, inode, from] =
        /^\d+: \S+\s+\S+\s+(\S+)\s+(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) /.exec(line) ?? [];
      if (Number(inode) !== ino || Number(pid) === process.pid || !bars(kind, Number(from))) continue;
      const user = userOf(Number(pid));
      if (user !== null && isMeant({ pid: Number(pid), user })) return { pid: Number(pid), user };
    }
  } catch {
    // The file does not exist, or the system has no /proc.
  }
  return null;
}

function userOf(pid: number): number | null {
  try {
    const [, user] = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return user === undefined ? null : Number(user);
  } catch {
    // The process has ended, or belongs to another PID namespace.
    return null;
  }
}

function isAnotherUser({ user }: LockHolder): boolean {
  return user !== process.geteuid?.();
}

/** The holder of a file's lock, for people: "process 812 of user 1001 (ada)". */
export function holderText(file: string): string {
  const holder = lockHolderOfAnotherUser(file) ?? lockHolder(file);
  if (holder === null) return 'another process';
  return isAnotherUser(holder) ? textOf(holder) : `process ${holder.pid}`;
}

export function textOf({ pid, user }: LockHolder): string {
  return `process ${pid} of ${userText(user)}`;
}

/** A user by number, and by name if the system's list has one. */
export function userText(user: number): string {
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.split(':')[2] === String(user));
    return line === undefined ? `user ${user}` : `user ${user} (${line.split(':')[0]})`;
  } catch {
    return `user ${user}`;
  }
}
