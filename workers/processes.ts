import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Processes whose command line has `value` as one of its words, from /proc, or from ps where there is none. */
export function processesWithArgument(value: string): number[] {
  return process.platform === 'linux' ? fromProc(value) : fromPs(value);
}

function fromProc(value: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // Empty for a process that has ended and was not yet waited for.
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(value);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function fromPs(value: string): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  }).split('\n');
  return lines.filter((line) => `${line} `.includes(` ${value} `)).map((line) => Number.parseInt(line, 10));
}

/** SIGTERM, then SIGKILL after the grace time. Returns when `gone` says so, or throws after another five seconds. */
export async function endProcess(pid: number, graceMs: number, gone: () => boolean): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 5000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      if (gone()) return;
    }
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if (gone()) return;
      await sleep(20);
    }
  }
  throw new Error(`process ${pid} could not be ended`);
}
