import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '../../common/errors.js';

const TREE = '/sys/fs/cgroup';

/** A control group of this machine, like the one that a container engine makes for a container. */
export interface ControlGroup {
  /** A command that runs another command within the group. */
  within(command: string, args: readonly string[]): { readonly command: string; readonly args: string[] };
  /**
   * Moves a running process into the group, with all of its threads. The group counts only the memory that
   * the process takes from now on.
   */
  enter(pid: number): void;
  /** How many processes the kernel ended because the group had used all its memory. */
  endedForMemory(): number;
  /** Possible only when no process is left in it. */
  remove(): void;
}

/** Makes a control group with these limits. Returns a sentence if this machine, or this user, cannot. */
export function controlGroup(memoryBytes: number, cores: number): ControlGroup | string {
  const name = `panic-tda-test-${process.pid}-${Date.now()}`;
  const folders: string[] = [];
  const group = (...path: string[]): string => {
    const folder = join(TREE, ...path, name);
    mkdirSync(folder);
    folders.push(folder);
    return folder;
  };
  const remove = (): void => {
    for (const folder of folders.splice(0)) rmdirSync(folder);
  };
  try {
    const isV2 = !/^\d+:memory:/m.test(readFileSync('/proc/self/cgroup', 'utf8'));
    const memory = isV2 ? group() : group('memory');
    if (isV2) {
      writeFileSync(join(memory, 'memory.max'), String(memoryBytes));
      writeFileSync(join(memory, 'cpu.max'), `${cores * 100_000} 100000`);
    } else {
      writeFileSync(join(memory, 'memory.limit_in_bytes'), String(memoryBytes));
      writeFileSync(join(group('cpu'), 'cpu.cfs_quota_us'), String(cores * 100_000));
    }
    const entries = folders.map((folder) => join(folder, 'cgroup.procs'));
    return {
      within: (command, args) => ({
        command: 'sh',
        args: [
          '-c',
          `${entries.map((file) => `echo $$ > ${file}`).join(' && ')} && exec "$@"`,
          'sh',
          command,
          ...args,
        ],
      }),
      enter: (pid) => {
        for (const file of entries) writeFileSync(file, String(pid));
      },
      endedForMemory: () => {
        const events = readFileSync(join(memory, isV2 ? 'memory.events' : 'memory.oom_control'), 'utf8');
        return Number(/^oom_kill (\d+)$/m.exec(events)?.[1]);
      },
      remove,
    };
  } catch (error) {
    remove();
    return `no control group can be made here: ${errorMessage(error)}`;
  }
}
