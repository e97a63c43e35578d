import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessUse {
  readonly role: string;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}

const CLOCK_TICKS = 100;
const PAGE_BYTES = 4096;

/** CPU and resident memory of the processes whose command line names the data folder, by what they are. Linux only. */
export function processesOf(dataFolder: string): ProcessUse[] {
  const found: ProcessUse[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (!words.some((word) => word.startsWith(dataFolder))) continue;
      // Fields after the command's name, which may hold blanks: 14 and 15 of proc(5) are user and system ticks.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
      const rssMiB =
        (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES) / 2 ** 20;
      found.push({ role: roleOf(words), cpuSeconds, rssMiB });
    } catch {
      // It ended between two lines.
    }
  }
  return found;
}

function roleOf(words: readonly string[]): string {
  if (words.includes('start-dev')) return 'server';
  const queues = words[words.indexOf('--queues') + 1];
  if (words.includes('worker') && queues !== undefined) return `worker ${queues}`;
  return words.includes('run') ? 'command' : 'other';
}
