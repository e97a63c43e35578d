import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queueStates } from '../../workers/temporal/queue-states.js';
import { cleanUp, type Running, until } from '../support/cli-process.js';
import { DoctorDocument } from '../support/documents.js';
import { experimentFile } from '../support/laboratory.js';
import { withStore } from '../support/store-checks.js';
import { addressOf, openFleet, type Fleet } from '../support/fleet.js';
import { z } from 'zod';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await openFleet();
});
afterEach(async () => await fleet.close());
afterAll(cleanUp);

const EXPERIMENT = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog', 'rain'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

/** A machine with this file of routes; the data folder has none. */
function machine(name: string, routes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const file = join(fleet.folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(routes));
  return { PANIC_TDA_ROUTES: file };
}

const Queue = z.looseObject({
  queue: z.string(),
  workers: z.array(z.string()),
  backlog: z.number(),
  waitingSince: z.string().nullable(),
  problem: z.string().nullable(),
});
const Planned = z.object({ queues: z.array(Queue) });
const Status = z.looseObject({ experiment: z.string(), queues: z.array(Queue).nullable() });

async function status(env: Readonly<Record<string, string>> = {}) {
  return Status.parse(await fleet.json(['status'], env));
}

/** Resolves when two tasks wait on a queue. */
async function untilTwoWaitOn(name: string): Promise<void> {
  await until(async () => (await queueStates(fleet.client, [name]))[0]?.backlog === 2);
}

async function planOf(file: string): Promise<z.output<typeof Planned>['queues']> {
  return Planned.parse(await fleet.json(['plan', file])).queues;
}

async function remarksOf(worker: Running): Promise<string[]> {
  const ready = await fetch(`${addressOf(worker)}/ready`);
  expect(ready.status).toBe(200);
  return z.object({ remarks: z.array(z.string()) }).parse(await ready.json()).remarks;
}

test('plan, status and doctor name the queue that has work and no worker; routes that a worker records hold for machines without a file, and others replace them', async () => {
  const first = await fleet.worker(
    ['--queues', 'main,gpu', '--models', 'unrouted', '--identity', 'first', '--listen', '0'],
    machine('first', { SlowI2T: 'slow' }),
  );
  // Machines without a file know the route of the first one.
  const start = `worker --queues gpu --models SlowI2T --data ${fleet.data}`;
  const file = experimentFile(fleet.folder, 'experiment', EXPERIMENT);
  const planned = await planOf(file);
  expect(planned.map(({ queue, workers }) => ({ queue, workers }))).toEqual([
    { queue: 'panic-tda', workers: ['first'] },
    { queue: 'panic-tda-gpu', workers: ['first'] },
    { queue: 'panic-tda-gpu-slow', workers: [] },
    { queue: 'panic-tda-cpu', workers: [] },
  ]);
  expect(planned[2]!.problem).toContain(start);
  expect((await fleet.shortCommand(['plan', file])).stdout).toMatch(
    /panic-tda-gpu is served by first\nno worker serves the task queue panic-tda-gpu-slow; start one with/,
  );

  const handle = await fleet.start(EXPERIMENT, 'waiting');
  await untilTwoWaitOn('panic-tda-gpu-slow');
  const found = (await status()).queues?.find(({ queue }) => queue === 'panic-tda-gpu-slow');
  expect(found).toMatchObject({ backlog: 2, workers: [], problem: expect.stringContaining(start) });
  expect(Date.parse(found!.waitingSince!)).toBeLessThanOrEqual(Date.now());
  expect((await fleet.shortCommand(['status'])).stdout).toMatch(
    /waits +no worker serves the task queue panic-tda-gpu-slow, where 2 tasks have waited since .*; start one with "npx panic-tda worker --queues gpu --models SlowI2T/,
  );
  expect(await remarksOf(first)).toEqual([
    expect.stringContaining('no worker serves the task queue panic-tda-gpu-slow, where tasks wait (2)'),
  ]);
  const { findings, problems, warnings } = DoctorDocument.parse(await fleet.json(['doctor']));
  expect({ problems, warnings }).toEqual({
    problems: 0,
    warnings: findings.filter(({ level }) => level === 'warning').length,
  });
  for (const finding of [
    {
      level: 'warning',
      text: expect.stringMatching(
        /^no worker serves the task queue panic-tda-gpu-slow, where 2 tasks have waited/,
      ),
    },
    { level: 'ok', text: expect.stringMatching(/^panic-tda is served by first/) },
  ])
    expect(findings).toContainEqual(expect.objectContaining({ section: 'Temporal', ...finding }));
  expect(findings.map(({ text }) => text).join('\n')).toMatch(
    /SlowI2T has the route slow \(from the database, where first recorded them at 2\d/,
  );

  // The file of another machine is old.
  const old = machine('old', { SlowI2T: 'before', Dummy: 'vectors' });
  const disagreement = new RegExp(
    `^Dummy has the route "vectors" in ${old['PANIC_TDA_ROUTES']}, and none in the database, where first recorded them at \\S+; ` +
      `SlowI2T has the route "before" in \\S+, and the route "slow" in the database, where first recorded them at \\S+; ` +
      'the routes of the database hold for all machines: .* --record-routes',
  );
  expect(await status(old)).toMatchObject({
    queues: expect.arrayContaining([expect.objectContaining({ queue: 'panic-tda-gpu-slow', backlog: 2 })]),
    routesRemark: expect.stringMatching(disagreement),
  });
  const late = await fleet.worker(['--queues', 'cpu', '--listen', '0'], old);
  expect(late.stderr()).toContain('Warning: Dummy has the route "vectors"');
  expect(await remarksOf(late)).toEqual([expect.stringMatching(disagreement)]);

  // A worker that the user asks for it replaces the routes of all machines.
  const swift = machine('second', { SlowI2T: 'swift' });
  const none = await fleet.shortCommand(['worker', '--queues', 'cpu', '--record-routes']);
  expect(none).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('this machine has no file of routes'),
  });
  const second = await fleet.worker(
    ['--queues', 'main,gpu', '--models', 'unrouted', '--record-routes', '--identity', 'second'],
    swift,
  );
  expect(second.stderr()).toMatch(
    /^Routes recorded for all machines; until now SlowI2T has the route "swift" in \S+, and the route "slow" in the database, where first recorded/m,
  );
  expect(await remarksOf(first)).toContainEqual(
    expect.stringMatching(
      /^this worker goes by routes that hold no more: the database, where second recorded them at/,
    ),
  );
  first.process.kill('SIGKILL');

  // The tasks on the queue of before wait until the experiment is started again.
  const { experiment, queues } = await status();
  expect(queues).toContainEqual({
    queue: 'panic-tda-gpu-slow',
    workers: [],
    backlog: 2,
    waitingSince: expect.any(String),
    problem: expect.stringMatching(
      /where 2 tasks have waited .*; no route leads there any more: "cancel" and then "resume" of the experiment/,
    ),
  });
  expect(await fleet.shortCommand(['cancel', experiment])).toMatchObject({ code: 0 });
  await expect(handle.result()).rejects.toThrow();
  // The words of the printed command, on a machine without a file.
  const last = await fleet.worker(['--queues', 'gpu', '--models', 'SlowI2T']);
  expect(last.stderr()).toMatch(/ serves panic-tda-gpu-swift at /);
  expect(await fleet.shortCommand(['resume', experiment])).toMatchObject({ code: 0 });
});

test('the file in an SQLite data folder belongs to its database, and models that are removed from it have no route', async () => {
  const file = join(fleet.data, 'routes.json');
  const experiment = experimentFile(fleet.folder, 'experiment', EXPERIMENT);
  const recorded = new Map([
    ['SlowI2T', 'slow'],
    ['Dummy', 'vectors'],
  ]);
  await withStore(fleet.data, ({ routes }) => routes.recordFirst(recorded, { by: 'earlier', at: 1 }));
  writeFileSync(file, '{ "Dummy": "vectors" }');
  await fleet.worker(['--queues', 'cpu']);
  writeFileSync(file, '{ "SlowI2T": "other" }');
  expect((await planOf(experiment)).map(({ queue }) => queue)).toEqual([
    'panic-tda',
    'panic-tda-gpu',
    'panic-tda-gpu-vectors',
    'panic-tda-cpu',
  ]);
});
