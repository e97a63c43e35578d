import { sql } from 'drizzle-orm';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../db/index.js';
import { CommandError } from '../common/command.js';
import type { Fleet } from './fleet.js';

/** The result of a SIGKILL. */
export interface Recovery {
  /** The worker of the models' queue, or every worker. */
  readonly which: 'gpu' | 'all';
  /** Milliseconds from the kill to the next stored step, of each run that was under way; ascending. */
  readonly ms: readonly number[];
}

const POLL_MS = 100;
const RECOVERY_LIMIT_MS = 120_000;
/**
 * How long work goes on before the next kill. The times differ, so that kills meet different moments of an
 * activity, which takes at most ten seconds.
 */
const PAUSES_MS = [1000, 2500, 1750, 4000, 3250];

/**
 * Kills workers `count` times, the gpu worker and all of them in turns, each time when every run under way
 * has gone on since the kill before. Throws a CommandError if the runs end before, or do not go on.
 */
export async function killWorkers(
  fleet: Fleet,
  store: Store,
  count: number,
  signal: AbortSignal,
): Promise<Recovery[]> {
  const recoveries: Recovery[] = [];
  await untilAllHaveSteps(store, signal);
  for (let k = 0; k < count; k++) {
    await sleep(PAUSES_MS[k % PAUSES_MS.length], undefined, { signal });
    const which = k % 2 === 0 ? 'gpu' : 'all';
    const before = await runsUnderWay(store);
    if (before.length === 0) {
      throw new CommandError(`the runs ended after ${k} of ${count} kills; give them more steps`);
    }
    const at = await fleet.kill(which);
    recoveries.push({ which, ms: await nextSteps(store, before, at, signal) });
    console.error(`  kill ${k + 1} of ${count}: ${recoveries.at(-1)!.ms.at(-1)} ms until all runs went on`);
  }
  return recoveries;
}

interface RunUnderWay {
  readonly id: number;
  /** Its last stored step; -1 if there is none. */
  readonly sequence: number;
}

/** Runs that have begun and not ended. */
function runsUnderWay({ db }: Store): Promise<RunUnderWay[]> {
  return db.read(() =>
    db.rows<RunUnderWay>(sql`
      select id, coalesce((select max(sequence) from invocations where run_id = runs.id), -1) as sequence
      from runs where status = 'running'`),
  );
}

async function untilAllHaveSteps(store: Store, signal: AbortSignal): Promise<void> {
  for (;;) {
    const runs = await runsUnderWay(store);
    if (runs.length > 0 && runs.every(({ sequence }) => sequence >= 0)) return;
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function nextSteps(
  { db }: Store,
  runs: readonly RunUnderWay[],
  at: number,
  signal: AbortSignal,
): Promise<number[]> {
  const deadline = performance.now() + RECOVERY_LIMIT_MS;
  const waiting = new Set(runs);
  const ms: number[] = [];
  while (waiting.size > 0) {
    if (performance.now() > deadline) {
      throw new CommandError(
        `${waiting.size} of ${runs.length} runs made no step within ${RECOVERY_LIMIT_MS / 1000} s of a kill`,
      );
    }
    await sleep(POLL_MS, undefined, { signal });
    for (const run of waiting) {
      const [step] = await db.read(() =>
        db.rows<{ at: number | null }>(sql`
          select min(created_at) as at from invocations
          where run_id = ${run.id} and sequence > ${run.sequence} and created_at > ${at}`),
      );
      const next = step?.at ?? null;
      if (next === null) continue;
      ms.push(next - at);
      waiting.delete(run);
    }
  }
  return ms.toSorted((a, b) => a - b);
}
