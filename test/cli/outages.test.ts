import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { connectStoreReadonly } from '../../db/index.js';
import { openLink, type Link } from '../../bench/link.js';
import { openLaboratory } from '../support/laboratory.js';
import { invocationCount } from '../support/store-checks.js';
import { suiteAddress } from '../support/suite-server.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { describerAt, leaveAlone, painterAt, send, startModelServer } from '../models/model-server.js';
import { cleanUp, folderWith, panicTdaJson, startPanicTda, until } from './cli-process.js';
import type { Running } from './cli-process.js';

jest.setTimeout(240_000);

/** Half a minute of work: where no terminal is, counts are shown every five seconds, and the first must not be the last. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse', 'a forest'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 300,
};

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(cleanUp);

async function linkTo(target: string): Promise<Link> {
  const link = await openLink(target);
  closing.push(() => link.close());
  return link;
}

async function saysUntil(running: Running, words: RegExp): Promise<void> {
  await until(
    () => words.test(running.stderr()),
    () => `${words}\n${running.stderr()}`,
  );
}

const server = await suitePostgres();
const onServer = server.available ? test : test.skip;
const title = server.available ? '' : ` (Postgres cannot run here: ${server.reason})`;

onServer(
  `run outlasts a Postgres that is away while it watches, says so, and ends with its experiment${title}`,
  async () => {
    if (!server.available) return;
    const address = new URL(server.urlOf(await createDatabase(server.urlOf)));
    const link = await linkTo(address.host);
    const url = Object.assign(address, { host: link.address }).href;
    const folder = folderWith({ 'experiment.json': EXPERIMENT });
    const env = { PANIC_TDA_DATABASE: url };
    const running = startPanicTda(folder, ['run', 'experiment.json'], env);
    await saysUntil(running, /invocations [1-9]/);
    link.cut('refused');
    await saysUntil(running, /It cannot be watched meanwhile: the database .* cannot be reached now/);
    await saysUntil(running, /waiting: the database .* cannot be reached now.*, next try in/);
    link.restore();
    const { code, stderr, stdout } = await running.ended;
    expect(stderr).toMatch(/It can be watched again/);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/: completed\n/)]);
    const store = await connectStoreReadonly({
      folder: join(folder, 'panic-tda-data'),
      database: { url, poolSize: 1 },
    });
    const [row] = await store!.experiments.list();
    expect(await store!.experiments.runsByStatus(row!.id)).toMatchObject({ finished: 2 });
    await store!.close();
  },
);

onServer(`Ctrl-C ends a run whose Postgres is away, with the code of the signal${title}`, async () => {
  if (!server.available) return;
  const address = new URL(server.urlOf(await createDatabase(server.urlOf)));
  const link = await linkTo(address.host);
  const url = Object.assign(address, { host: link.address }).href;
  const folder = folderWith({ 'experiment.json': EXPERIMENT });
  const running = startPanicTda(folder, ['run', 'experiment.json'], { PANIC_TDA_DATABASE: url });
  await saysUntil(running, /invocations [1-9]/);
  link.cut('refused');
  await saysUntil(running, /It cannot be watched meanwhile/);
  running.process.kill('SIGINT');
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([
    130,
    expect.stringMatching(/it could not be counted: the database .*"npx panic-tda resume/s),
  ]);
});

test('run outlasts a Temporal service that is away while it watches', async () => {
  const laboratory = await openLaboratory();
  closing.push(() => laboratory.close());
  const link = await linkTo(suiteAddress());
  const folder = folderWith({ 'experiment.json': EXPERIMENT });
  const env = { TEMPORAL_ADDRESS: link.address, TEMPORAL_NAMESPACE: laboratory.namespace };
  const running = startPanicTda(folder, ['run', 'experiment.json', '--data', laboratory.data], env);
  await saysUntil(running, /invocations [1-9]/);
  link.cut('refused');
  const before = invocationCount(laboratory.data);
  // The workers have a connection of their own, and go on.
  const more = Math.min(before + 20, 2 * EXPERIMENT.max_length);
  await until(
    () => invocationCount(laboratory.data) >= more,
    () => `${before} invocations, then ${invocationCount(laboratory.data)}\n${running.stderr()}`,
  );
  link.restore();
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/runs 2 finished/)]);
});

test('a run that stands still says why, and when it is tried again; so does status', async () => {
  const models = await startModelServer();
  closing.push(() => models.close());
  const folder = folderWith({
    'catalogue.json': { models: [painterAt(models.base), describerAt(models.base, 'image')] },
    'experiment.json': {
      networks: [[painterAt('').name, describerAt('', 'image').name]],
      prompts: ['a lighthouse'],
      seeds: [-1],
      embedding_models: ['Dummy'],
      max_length: 6,
    },
  });
  const env = { PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json') };
  models.interfere(({ path }, response) => {
    if (!path.endsWith('/chat/completions')) return false;
    send(response, 503, { error: { message: 'out of paint' } });
    return true;
  });
  const running = startPanicTda(folder, ['run', 'experiment.json'], env);
  await saysUntil(running, /waiting: run 0, model call: DeviceError: .*503.*, next try (in|now)/);
  const { now } = await panicTdaJson<{ now: { kind: string; text: string } | null }>(folder, ['status'], env);
  expect(now).toMatchObject({ kind: 'waiting', text: expect.stringMatching(/^run 0, model call: .*503/) });
  models.interfere(leaveAlone);
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/runs 1 finished/)]);
});
