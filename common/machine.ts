import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';

/** The limits that the control groups of a process set: Infinity if they set none. */
export interface ControlGroupLimits {
  readonly memoryBytes: number;
  /** Processor time that the process may use, in cores; 1.5 means 150 ms in each 100 ms. */
  readonly cores: number;
}

const UNLIMITED: ControlGroupLimits = { memoryBytes: Infinity, cores: Infinity };

/**
 * Memory that a worker itself uses, beside models and diagrams: we measured 210 to 440 MiB (docs/scaling.md).
 * A machine has room for it in the half that the worker does not share out. In a control group the kernel
 * ends a process at the limit.
 */
const OWN_BYTES = 512 * 2 ** 20;

/**
 * Cores that this process may keep busy: the machine's cores that it may run on, and at most as many as its
 * control groups allow, rounded up. Node itself counts the control groups from version 22.12 on.
 */
export function usableCores(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(limits().cores)));
}

/** `usableCores` if a control group allows fewer cores than the machine has; otherwise null. */
export function limitedCores(): number | null {
  return Math.ceil(limits().cores) < availableParallelism() ? usableCores() : null;
}

/**
 * The memory that a worker shares out, half to models and half to diagrams: the memory of the machine. If a
 * control group allows less (a container, a unit of systemd), it is that limit less the worker's own memory,
 * and at least half of the limit.
 */
export function usableMemoryBytes(): number {
  const limit = limitedMemoryBytes();
  return limit === null ? totalmem() : Math.max(limit / 2, limit - OWN_BYTES);
}

/** The memory that a control group allows, if that is less than the machine has; otherwise null. */
export function limitedMemoryBytes(): number | null {
  const { memoryBytes } = limits();
  return memoryBytes < totalmem() ? memoryBytes : null;
}

let known: ControlGroupLimits | undefined;

function limits(): ControlGroupLimits {
  known ??= controlGroupLimits();
  return known;
}

/**
 * The lowest limits of this process's control groups and of the groups around them, of version 2
 * (`memory.max`, `cpu.max`: https://docs.kernel.org/admin-guide/cgroup-v2.html) or 1. A container may see its
 * own group as the root of the tree, whatever path /proc names. So this function reads each group of that
 * path up to the root, and a missing group sets no limit. `root` is / except in tests.
 */
export function controlGroupLimits(root = '/'): ControlGroupLimits {
  const groups = read(join(root, 'proc/self/cgroup')).split('\n');
  return groups.map((line) => limitsOf(line, join(root, 'sys/fs/cgroup'))).reduce(lesser, UNLIMITED);
}

/**
 * Reads one line of /proc/self/cgroup: `0::/path` is of version 2, `4:memory:/path` and `2:cpu,cpuacct:/path`
 * of version 1.
 */
function limitsOf(line: string, tree: string): ControlGroupLimits {
  const [, id, controllers = '', path = ''] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
  if (id === undefined) return UNLIMITED;
  const folders = pathsUpwards(path);
  if (id === '0') return least(folders, (path) => limitsV2(join(tree, path)));
  const names = controllers.split(',');
  return lesser(
    names.includes('memory')
      ? least(folders, (path) => ({ ...UNLIMITED, memoryBytes: memoryV1(join(tree, 'memory', path)) }))
      : UNLIMITED,
    names.includes('cpu')
      ? least(folders, (path) => ({ ...UNLIMITED, cores: coresV1(join(tree, 'cpu', path)) }))
      : UNLIMITED,
  );
}

function limitsV2(folder: string): ControlGroupLimits {
  const [quota = '', period = ''] = read(join(folder, 'cpu.max')).split(/\s+/);
  return { memoryBytes: positive(read(join(folder, 'memory.max'))), cores: ratio(quota, period) };
}

function memoryV1(folder: string): number {
  return positive(read(join(folder, 'memory.limit_in_bytes')));
}

function coresV1(folder: string): number {
  return ratio(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us')));
}

/** `max`, -1 and an empty text set no limit. */
function positive(text: string): number {
  const figure = Number(text.trim());
  return figure > 0 ? figure : Infinity;
}

function ratio(quota: string, period: string): number {
  const each = positive(period);
  return each === Infinity ? Infinity : positive(quota) / each;
}

/** From `/a/b`: `/a/b`, `/a`, `/`. */
function pathsUpwards(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return Array.from(
    { length: names.length + 1 },
    (_, index) => `/${names.slice(0, names.length - index).join('/')}`,
  );
}

function least(paths: readonly string[], limitsAt: (path: string) => ControlGroupLimits): ControlGroupLimits {
  return paths.map(limitsAt).reduce(lesser, UNLIMITED);
}

function lesser(one: ControlGroupLimits, other: ControlGroupLimits): ControlGroupLimits {
  return {
    memoryBytes: Math.min(one.memoryBytes, other.memoryBytes),
    cores: Math.min(one.cores, other.cores),
  };
}

/**
 * The text of a file, or an empty text if the file is missing or unreadable: other systems have no control
 * groups.
 */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
