import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';
import type { Moment } from './faults.js';
import type { RoundPlan } from './plan.js';
import { describeFault, type StruckFault } from './report.js';
import { TOO_LATE, type Effect, type Stage } from './stage.js';
import { strike } from './strike.js';

/** If no step is made for this time, the next fault happens anyway. */
const STALL_MS = 60_000;
const LOOK_MS = 50;

/**
 * Strikes with the faults of a round, each at its moment, as a share of `invocations`. Faults may overlap.
 * Resolves when all of them are over.
 */
export async function strikeAll(
  stage: Stage,
  { faults }: RoundPlan,
  invocations: number,
  ended: Promise<void>,
  say: (line: string) => void,
): Promise<StruckFault[]> {
  let over = false;
  void ended.then(() => (over = true));
  const struck: Promise<StruckFault>[] = [];
  for (const fault of faults) {
    await untilMoment(stage, fault.at, invocations, () => over);
    const effect = over ? Promise.resolve(TOO_LATE) : strikeOrTell(stage, fault);
    struck.push(
      effect.then((seen) => {
        say(`${describeFault(fault)}: ${seen.took ? '' : 'NOT seen: '}${seen.remark}`);
        return { fault, effect: seen };
      }),
    );
  }
  return await Promise.all(struck);
}

async function strikeOrTell(stage: Stage, fault: StruckFault['fault']): Promise<Effect> {
  try {
    return await strike(stage, fault);
  } catch (error) {
    stage.wrong(`${describeFault(fault)} could not be done: ${errorMessage(error)}`);
    return { took: false, remark: errorMessage(error) };
  }
}

async function untilMoment(
  { observer }: Stage,
  { progress, plusMs }: Moment,
  invocations: number,
  over: () => boolean,
): Promise<void> {
  const wanted = Math.floor(progress * invocations);
  let made = -1;
  let changedAt = performance.now();
  while (!over() && performance.now() - changedAt < STALL_MS) {
    const now = await observer.invocations();
    if (now >= wanted) break;
    if (now > made) changedAt = performance.now();
    made = now;
    await sleep(LOOK_MS);
  }
  const until = performance.now() + plusMs;
  while (!over() && performance.now() < until) await sleep(LOOK_MS);
}
