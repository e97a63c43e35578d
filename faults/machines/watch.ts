import { setTimeout as sleep } from 'node:timers/promises';

/** The progress of a run. */
export interface RunSteps {
  /** Invocations that are stored. */
  readonly made: number;
  /** Whether its trajectory is complete. */
  readonly ended: boolean;
}

/** By index of the run. */
export type Steps = ReadonlyMap<number, RunSteps>;

/** Reads the progress of the runs. */
export type ReadSteps = () => Promise<Steps>;

const LOOK_MS = 100;

/** When the first and the last of some runs went on, in milliseconds from a moment. */
export interface NextSteps {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The number of stored invocations. */
export function total(steps: Steps): number {
  return [...steps.values()].reduce((sum, { made }) => sum + made, 0);
}

/**
 * Waits until each of these runs has more invocations than in `before`, or has ended. `since` is a time of
 * `performance.now`.
 * @throws if a run has neither after `limitMs`.
 */
export async function nextSteps(
  readSteps: ReadSteps,
  runs: readonly number[],
  { before, since, limitMs }: { readonly before: Steps; readonly since: number; readonly limitMs: number },
): Promise<NextSteps> {
  const waiting = new Set(runs);
  let firstMs: number | null = null;
  for (;;) {
    const now = await readSteps();
    for (const run of waiting) {
      const { made = 0, ended = false } = now.get(run) ?? {};
      if (!ended && made <= (before.get(run)?.made ?? 0)) continue;
      waiting.delete(run);
      firstMs ??= performance.now() - since;
    }
    const lastMs = performance.now() - since;
    if (waiting.size === 0) return { firstMs: firstMs ?? lastMs, lastMs };
    if (lastMs > limitMs) {
      throw new Error(`runs ${[...waiting].join(', ')} made no step for ${Math.round(lastMs / 1000)} s`);
    }
    await sleep(LOOK_MS);
  }
}

/** Resolves when the condition holds. Throws after `limitMs`; the message says what it waited for. */
export async function untilTrue(
  what: string,
  condition: () => Promise<boolean>,
  limitMs: number,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs / 1000} s in vain until ${what}`);
    await sleep(LOOK_MS);
  }
}
