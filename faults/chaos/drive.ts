import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { endingOf, type Ending } from '../common/keeper.js';
import type { Standing } from './standing.js';

/** Plays the user who wants an experiment to end, and who runs the next command until it has ended. */
export interface Drive {
  readonly experiment: string;
  readonly file: string;
  /** Whether it has begun and not ended. */
  readonly underWay: boolean;
  /** Of the command that runs; undefined between two commands. */
  readonly pid: number | undefined;
  /**
   * Runs that failed although they do not fail undisturbed, with their reasons. They were tried again after
   * the last fault.
   */
  readonly retried: readonly string[];
  /** Begins; resolves when the experiment has ended as it ends undisturbed. */
  follow(): Promise<void>;
  /**
   * Ends the command that runs. No other command begins until `release` was called as often. Null: the
   * command has not ended in time.
   */
  hold(signal: NodeJS.Signals | null, limitMs: number): Promise<Ending | null>;
  release(): void;
  /** Says that no more faults come. From now on failed runs are tried again. */
  calm(): void;
  /** Begins no other command. */
  stop(): void;
}

export interface DriveOptions {
  readonly experiment: string;
  readonly file: string;
  /** Indices of the runs that fail undisturbed. */
  readonly expectedToFail: readonly number[];
  launch(words: readonly string[]): ChildProcess;
  standing(): Promise<Standing | null>;
}

const AGAIN_MS = 1000;
const RETRIES = 3;

export function createDrive(options: DriveOptions): Drive {
  const { experiment, file, expectedToFail } = options;
  let child: ChildProcess | null = null;
  const state: { phase: 'waiting' | 'under way' | 'over' } = { phase: 'waiting' };
  let holds = 0;
  let isCalm = false;
  let retries = 0;
  const retried: string[] = [];

  async function until(condition: () => boolean): Promise<void> {
    while (!condition() && state.phase !== 'over') await sleep(50);
  }

  async function follow(): Promise<void> {
    state.phase = 'under way';
    let words: readonly string[] | null = ['run', file];
    while (words !== null && state.phase === 'under way') {
      await until(() => holds === 0);
      if (state.phase !== 'under way') return;
      child = options.launch(words);
      await endingOf(child, Infinity);
      child = null;
      words = await whatNext();
      if (words !== null) await sleep(AGAIN_MS);
    }
    state.phase = 'over';
  }

  /** The arguments of the next command; null if the experiment has ended. */
  async function whatNext(): Promise<readonly string[] | null> {
    const standing = await options.standing();
    if (standing === null) return ['run', file];
    const { status, open, cancelled, failed } = standing;
    if (open + cancelled > 0 || !['completed', 'completed_with_failures'].includes(status)) {
      return cancelled > 0 || status === 'cancelled' ? ['resume', experiment] : ['run', file];
    }
    const unexpected = failed.filter(({ run }) => !expectedToFail.includes(run));
    if (unexpected.length === 0) return null;
    await until(() => isCalm);
    if (retries === RETRIES) {
      throw new Error(
        `experiment ${experiment}: run ${unexpected[0]!.run} fails again and again without a fault`,
      );
    }
    retries++;
    retried.push(...unexpected.map(({ run, reason }) => `run ${run} of ${experiment}: ${reason}`));
    return ['retry', experiment];
  }

  return {
    experiment,
    file,
    get underWay() {
      return state.phase === 'under way';
    },
    get pid() {
      return child?.pid;
    },
    retried,
    follow,
    async hold(signal, limitMs) {
      holds++;
      const held = child;
      if (held === null || signal === null) return { code: null, signal: null };
      held.kill(signal);
      return await endingOf(held, limitMs);
    },
    release: () => void holds--,
    calm: () => void (isCalm = true),
    stop: () => void (state.phase = 'over'),
  };
}
