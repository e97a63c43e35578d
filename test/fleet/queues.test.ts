import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, until } from '../support/cli-process.js';
import { openFleet, type Fleet } from '../support/fleet.js';
import { z } from 'zod';
import { DoctorDocument } from '../support/documents.js';

// These tests take seconds on an idle machine.
jest.setTimeout(300_000);

let fleet: Fleet;
afterEach(async () => await fleet.close());
afterAll(cleanUp);

const EXPERIMENT = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

const Queue = z.object({
  queue: z.string(),
  workers: z.array(z.string()),
  backlog: z.number(),
  waitingSince: z.string().nullable(),
  problem: z.string().nullable(),
});
type Queue = z.output<typeof Queue>;
const Planned = z.object({ queues: z.array(Queue) });
const Status = z.object({ queues: z.array(Queue).nullable() });

test('plan, status and doctor name the queue that has work and no worker, and the command that starts one', async () => {
  fleet = await openFleet({ SlowI2T: 'slow' });
  const file = join(fleet.folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(EXPERIMENT));
  await fleet.worker(['--queues', 'main', '--identity', 'books']);
  await fleet.worker(['--queues', 'gpu', '--models', 'unrouted', '--identity', 'first']);
  const start = `worker --queues gpu --models SlowI2T --data ${fleet.data}`;

  const planned = Planned.parse(await fleet.json(['plan', file]));
  expect(planned.queues.map(({ queue, workers }) => ({ queue, workers }))).toEqual([
    { queue: 'panic-tda', workers: ['books'] },
    { queue: 'panic-tda-gpu', workers: ['first'] },
    { queue: 'panic-tda-gpu-slow', workers: [] },
    { queue: 'panic-tda-cpu', workers: [] },
  ]);
  expect(planned.queues[2]!.problem).toContain(start);
  expect((await fleet.command(['plan', file]).ended).stdout).toMatch(
    /panic-tda-gpu is served by first\nno worker serves the task queue panic-tda-gpu-slow; start one with/,
  );

  const handle = await fleet.start(EXPERIMENT, 'waiting');
  const waiting = async (): Promise<Queue | undefined> => {
    const { queues } = Status.parse(await fleet.json(['status']));
    return queues?.find(({ queue, backlog }) => queue === 'panic-tda-gpu-slow' && backlog > 0);
  };
  let found: Queue | undefined;
  await until(async () => (found = await waiting().catch(() => undefined)) !== undefined);
  expect(found).toMatchObject({ backlog: 1, workers: [], problem: expect.stringContaining(start) });
  expect(Date.parse(found!.waitingSince!)).toBeLessThanOrEqual(Date.now());
  const text = (await fleet.command(['status']).ended).stdout;
  expect(text).toMatch(
    /waits +no worker serves the task queue panic-tda-gpu-slow, where 1 task has waited since .*; start one with "npx panic-tda worker --queues gpu --models SlowI2T/,
  );
  const { findings, problems, warnings } = DoctorDocument.parse(await fleet.json(['doctor']));
  expect({ problems, warnings }).toEqual({
    problems: 0,
    warnings: findings.filter(({ level }) => level === 'warning').length,
  });
  const temporal = findings.filter(({ section }) => section === 'Temporal');
  expect(temporal).toContainEqual(
    expect.objectContaining({
      level: 'warning',
      text: expect.stringMatching(/panic-tda-gpu-slow, where 1 task has waited/),
    }),
  );
  expect(temporal).toContainEqual(
    expect.objectContaining({ level: 'ok', text: expect.stringMatching(/^panic-tda is served by books/) }),
  );

  // The printed command works as it says.
  await fleet.worker(['--queues', 'gpu', '--models', 'SlowI2T', '--identity', 'second']);
  await fleet.worker(['--queues', 'cpu']);
  expect(await handle.result()).toMatchObject({ status: 'completed' });
});
