import { expect, test } from '@jest/globals';
import type { AwaitedStep, StoreFigures } from '../../db/index.js';
import { storeGauges } from '../../workers/observation/fleet-gauges.js';

const HOUR = 3_600_000;

const FIGURES: StoreFigures = {
  experiments: {
    planned: 0,
    running: 1,
    paused: 0,
    completed: 0,
    completed_with_failures: 0,
    cancelled: 0,
    failed: 0,
  },
  runs: { pending: 1, running: 0, finished: 0, failed: 0, cancelled: 0 },
  openRuns: { pending: 1, running: 0 },
  awaited: [],
  migrations: 1,
  bytes: 1,
};

test('the age of a step is by the clock that made it until this process sees the next one, and then by its own', async () => {
  let awaited: readonly AwaitedStep[] = [];
  const gauges = storeGauges({ figures: { whole: async () => ({ ...FIGURES, awaited }) } });
  const ages = async () => {
    const read = await gauges.read();
    return read.find(({ name }) => name === 'panic_tda_last_step_age_seconds')!.samples;
  };
  expect(await ages()).toEqual([]);

  const since = Date.now() - 3 * HOUR;
  awaited = [{ experiment: 'e', since, rests: [[since, since + HOUR]] }];
  // Whole hours, so that a busy machine does not matter: two of the three count.
  expect(Math.floor((await ages())[0]!.value / 3600)).toBe(2);
  expect(Math.floor((await ages())[0]!.value / 3600)).toBe(2);
  // The next step comes from a machine whose clock is two hours behind.
  awaited = [{ experiment: 'e', since: Date.now() - 2 * HOUR, rests: [] }];
  expect((await ages())[0]!.value).toBeLessThan(3600);
  expect((await ages())[0]!.value).toBeLessThan(3600);
  // A step of a machine whose clock is ahead.
  awaited = [{ experiment: 'e', since: Date.now() + HOUR, rests: [] }];
  expect(await ages()).toEqual([{ labels: { experiment: 'e' }, value: 0 }]);
  // The experiment works again after a time in which no step was awaited. Earlier times do not count.
  awaited = [];
  await ages();
  awaited = [{ experiment: 'e', since: Date.now() - 2 * HOUR, rests: [] }];
  expect(Math.floor((await ages())[0]!.value / 3600)).toBe(2);
});
