import { describe, expect, test } from '@jest/globals';
import { changePoints } from '../../../analysis/index.js';
import { isFullRange } from '../../support/range.js';
import { type Family, simulate } from './change-simulation.js';

/**
 * The claims that the penalty rests on, for runs of 600 steps: by night as many runs in as many dimensions as the
 * simulation of the specification has.
 */
const STEPS = 600;
const DIMENSION = isFullRange() ? 768 : 64;
const RUNS = isFullRange() ? 40 : 20;
/** That simulation counts a change as found within n/50 of it. */
const NEAR = STEPS / 50;

interface Counts {
  readonly found: number;
  readonly of: number;
  /** Share of runs with a change that is near none. */
  readonly runsWithFalse: number;
}

async function countsOf(family: Family, kind: 'white' | 'shortMemory'): Promise<Counts> {
  let found = 0;
  let withFalse = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    const run = simulate(family, STEPS, DIMENSION, seed);
    const result = await changePoints(run);
    const cuts = [...result![kind].ends].slice(0, -1);
    found += run.changes.filter((change) => cuts.some((cut) => Math.abs(cut - change) <= NEAR)).length;
    if (cuts.some((cut) => run.changes.every((change) => Math.abs(cut - change) > NEAR))) withFalse++;
  }
  return { found, of: RUNS * family.at.length, runsWithFalse: withFalse / RUNS };
}

describe(`in simulated runs of ${STEPS} steps`, () => {
  test.each(isFullRange() ? [0, 2, 5, 20] : [0, 20])(
    'at most 0.05 of those without a change have one, if their memory is %i steps',
    async (memory) => {
      const { runsWithFalse } = await countsOf({ memory, shift: 0, at: [] }, 'shortMemory');
      expect(runsWithFalse).toBeLessThanOrEqual(0.05);
    },
  );

  test('the penalty for independent noise takes a memory of 5 steps for changes', async () => {
    expect(await countsOf({ memory: 5, shift: 0, at: [] }, 'white')).toMatchObject({ runsWithFalse: 1 });
  });

  test.each(isFullRange() ? [0, 5] : [5])(
    'at least 0.95 of single shifts of 0.6 are found, with a memory of %i steps',
    async (memory) => {
      const { found, of, runsWithFalse } = await countsOf({ memory, shift: 0.6, at: [0.5] }, 'shortMemory');
      expect(found / of).toBeGreaterThanOrEqual(0.95);
      expect(runsWithFalse).toBeLessThanOrEqual(0.05);
    },
  );
});
