import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment.js';
import type { SlowDisk } from './disks.js';
import type { Drive } from './drive.js';
import type { Observer } from './standing.js';

/** What faults act on while experiments are under way. */
export interface Stage {
  readonly deployment: Deployment;
  readonly drives: readonly Drive[];
  readonly slowDisk: SlowDisk | null;
  readonly observer: Observer;
  /** Starts a command beside those of the drives. */
  command(words: readonly string[], env?: Readonly<Record<string, string>>): ChildProcess;
  /** The text of all logs, each from its mark on. */
  logsSince(marks: ReadonlyMap<string, number>): string;
  /** The present length of each log. */
  markLogs(): ReadonlyMap<string, number>;
  /** Reports something that must not be. */
  wrong(sentence: string): void;
}

/** Whether a fault took effect, and what was seen. */
export interface Effect {
  readonly took: boolean;
  readonly remark: string;
}

export const TOO_LATE: Effect = { took: false, remark: 'the experiments had ended' };

const LOOK_MS = 20;

/** Whether a condition came to hold in time. */
export async function within(limitMs: number, condition: () => boolean): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(LOOK_MS);
  }
  return true;
}
