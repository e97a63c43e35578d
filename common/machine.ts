import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';

/** What the control groups of a process allow it: Infinity where they set no bound. */
export interface ControlGroupLimits {
  readonly memoryBytes: number;
  /** Processor time that it may take, in cores; 1.5 is 150 ms in each 100 ms. */
  readonly cores: number;
}

const UNLIMITED: ControlGroupLimits = { memoryBytes: Infinity, cores: Infinity };

/**
 * What a worker takes itself, beside models and diagrams: 210 to 440 MiB were measured (docs/scaling.md). A machine has room for it in the
 * half that is not shared out; in a control group the kernel ends a process at the limit.
 */
const OWN_BYTES = 512 * 2 ** 20;

/**
 * Cores that this process may keep busy: those of the machine that it may run on, and no more than its control groups allow, rounded up.
 * Node counts the latter from version 22.12 on.
 */
export function usableCores(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(limits().cores)));
}

/** `usableCores` where a control group allows fewer than the machine has; null otherwise. */
export function limitedCores(): number | null {
  return Math.ceil(limits().cores) < availableParallelism() ? usableCores() : null;
}

/**
 * What a worker shares out, half to models and half to diagrams: the memory of the machine; where a control group allows less (a container, a
 * unit of systemd), that less what the worker takes itself, and half of it at least.
 */
export function usableMemoryBytes(): number {
  const limit = limitedMemoryBytes();
  return limit === null ? totalmem() : Math.max(limit / 2, limit - OWN_BYTES);
}

/** What a control group allows where that is less than the machine has; null otherwise. */
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
 * The least that the control groups of this process and the groups around them allow, of version 2 (`memory.max`, `cpu.max`:
 * https://docs.kernel.org/admin-guide/cgroup-v2.html) or 1. A container may see its own group as the root of the tree, whatever path
 * /proc names: so each group of that path is asked up to the root, and one that is not there sets no bound. `root` is / but in tests.
 */
export function controlGroupLimits(root = '/'): ControlGroupLimits {
  const groups = read(join(root, 'proc/self/cgroup')).split('\n');
  return groups.map((line) => limitsOf(line, join(root, 'sys/fs/cgroup'))).reduce(lesser, UNLIMITED);
}

/** Of a line of /proc/self/cgroup: `0::/path` is of version 2, `4:memory:/path` and `2:cpu,cpuacct:/path` of version 1. */
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

/** `max`, -1 and nothing are no bound. */
function positive(text: string): number {
  const figure = Number(text.trim());
  return figure > 0 ? figure : Infinity;
}

function ratio(quota: string, period: string): number {
  const each = positive(period);
  return each === Infinity ? Infinity : positive(quota) / each;
}

/** `/a/b`, `/a`, `/`. */
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

/** Nothing where the file is not there or cannot be read: other systems have no control groups. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
