import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessUse {
  readonly pid: number;
  readonly role: string;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  /** The part of the resident memory that belongs to no file: heaps and stacks. */
  readonly anonymousMiB: number;
}

const CLOCK_TICKS = 100;
const MIB_PER_PAGE = 4096 / 2 ** 20;

/** CPU and memory of a process and of all its descendants, by role. Linux only. */
export function processesUnder(root: number): ProcessUse[] {
  return processTree(root).flatMap(({ pid, cpuSeconds }) => useOf(pid, cpuSeconds));
}

/** A process and all its descendants, each after its parent. Linux only. */
export function processTree(
  root: number,
): { readonly pid: number; readonly cpuSeconds: number | undefined }[] {
  const children = new Map<number, number[]>();
  const cpuSeconds = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const fields = statFields(name);
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    cpuSeconds.set(Number(name), (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS);
  }
  const pids = [root];
  // The loop appends to the list while it reads it.
  for (const pid of pids) pids.push(...(children.get(pid) ?? []));
  return pids.map((pid) => ({ pid, cpuSeconds: cpuSeconds.get(pid) }));
}

/**
 * The state of proc(5): R, S, D, T (stopped), Z (ended, not waited for), …; undefined if there is no such
 * process.
 */
export function processState(pid: number): string | undefined {
  return statFields(String(pid))?.[0];
}

/** The command line of a process; empty if it has ended. */
export function processWords(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/**
 * The fields of proc(5) after the command's name, which may contain blanks. The second is the parent; the
 * 12th and 13th are user and system ticks.
 */
function statFields(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

function useOf(pid: number, cpuSeconds: number | undefined): ProcessUse[] {
  if (cpuSeconds === undefined) return [];
  try {
    const role = roleOf(processWords(pid));
    const [, resident, ofFiles] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
    const rssMiB = resident! * MIB_PER_PAGE;
    return [{ pid, role, cpuSeconds, rssMiB, anonymousMiB: rssMiB - ofFiles! * MIB_PER_PAGE }];
  } catch {
    // It ended meanwhile.
    return [];
  }
}

/**
 * Processor time, in seconds, of a process and of all its descendants, with those that have ended and that it
 * waited for. Linux only.
 */
export function cpuSecondsOfTree(pid: number): number {
  const fields = statFields(String(pid));
  if (fields === undefined) return 0;
  // utime, stime, cutime and cstime.
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / CLOCK_TICKS;
  return childrenOf(pid).reduce((sum, child) => sum + cpuSecondsOfTree(child), own);
}

function childrenOf(pid: number): number[] {
  try {
    const words = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    return words.filter((word) => word !== '').map(Number);
  } catch {
    // It ended meanwhile.
    return [];
  }
}

function roleOf(words: readonly string[]): string {
  if (words.includes('start-dev')) return 'server';
  // Processes of Postgres overwrite their arguments with what they do.
  if (/\/postgres$|^postgres: /.test(words[0] ?? '')) return 'database';
  const queues = words[words.indexOf('--queues') + 1];
  if (words.includes('worker') && queues !== undefined) return `worker ${queues}`;
  return words.includes('run') ? 'command' : 'other';
}
