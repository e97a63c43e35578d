import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { TemporalServer } from '../../workers/temporal/server.js';
import { ensureSearchAttributes, missingSearchAttributes } from '../../workers/temporal/search-attributes.js';
import { cleanUp, until } from '../support/cli-process.js';
import { untilInvocations, violations } from '../support/store-checks.js';
import { gateIn, type Gate } from '../support/gate.js';
import { experimentFile } from '../support/laboratory.js';
import { startServer } from '../support/temporal-servers.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { addressOf, openFleet, type Fleet } from '../support/fleet.js';
import { z } from 'zod';

const { INDEXED_VALUE_TYPE_KEYWORD: KEYWORD, INDEXED_VALUE_TYPE_TEXT: TEXT } =
  proto.temporal.api.enums.v1.IndexedValueType;

const OURS = ['PanicTdaExperiment', 'PanicTdaNetwork', 'PanicTdaStatus'];

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'rain'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

const LONG_NETWORK = Array.from({ length: 20 }, () => ['DummyT2I', 'DummyI2T']).flat();

let server: TemporalServer;
let connection: Connection;
let fleet: Fleet;
let gate: Gate;
beforeAll(async () => {
  ({ server } = await startServer(sharedTemporaryFolder(), { namespaces: ['full', 'another-type'] }));
  connection = await Connection.connect({ address: server.address });
  // A namespace has room for ten keywords.
  await exchange(
    'full',
    OURS,
    Object.fromEntries(Array.from({ length: 10 }, (_, k) => [`Team${k}`, KEYWORD])),
  );
  await exchange('another-type', ['PanicTdaStatus'], { PanicTdaStatus: TEXT });
  gate = gateIn(sharedTemporaryFolder());
  fleet = await openFleet(null, {
    TEMPORAL_ADDRESS: server.address,
    TEMPORAL_NAMESPACE: 'full',
    ...gate.env,
  });
});
afterAll(async () => {
  await fleet.close();
  await connection.close();
  await server.stop();
  await cleanUp();
});

async function exchange(
  namespace: string,
  removed: readonly string[],
  added: Readonly<Record<string, typeof KEYWORD | typeof TEXT>>,
): Promise<void> {
  const { operatorService } = connection;
  await operatorService.removeSearchAttributes({ namespace, searchAttributes: [...removed] });
  await operatorService.addSearchAttributes({ namespace, searchAttributes: { ...added } });
}

test('the warning names attributes that cannot be made, with the reason, and one of another type', async () => {
  expect(await ensureSearchAttributes(connection, 'full')).toEqual({
    missing: OURS,
    reason: expect.stringContaining('more than 10'),
  });
  expect(await ensureSearchAttributes(connection, 'another-type')).toEqual({
    missing: ['PanicTdaStatus'],
    reason: 'PanicTdaStatus is there and is no keyword',
  });
  expect(await missingSearchAttributes(connection, 'default')).toEqual([]);
});

test('without search attributes experiments still end, by hand and by run, and every command says what is missing', async () => {
  const lacks = 'the namespace "full" lacks the search attributes PanicTdaExperiment';
  const worker = await fleet.worker(['--listen', '0']);
  expect(worker.stderr()).toMatch(new RegExp(`^Warning: ${lacks}.*could not be made \\(.*more than 10`, 'm'));
  const ready = await fetch(`${addressOf(worker)}/ready`);
  expect({ status: ready.status, body: await ready.json() }).toEqual({
    status: 200,
    body: expect.objectContaining({ problems: [], remarks: [expect.stringContaining(lacks)] }),
  });

  const client = new Client({ connection, namespace: 'full' });
  const byHand = await client.workflow.start('experiment', {
    taskQueue: 'panic-tda',
    workflowId: 'by-hand',
    args: [EXPERIMENT],
  });
  expect(await byHand.result()).toMatchObject({ status: 'completed', runs: 2 });

  const long = { ...EXPERIMENT, networks: [['DummyT2I', 'GatedI2T']], max_length: 16, seeds: [-1] };
  const run = fleet.command(['run', experimentFile(fleet.folder, 'long', long)]);
  await until(
    () => /^Watch:/m.test(run.stderr()),
    () => run.stderr(),
  );
  expect(run.stderr()).toContain(lacks);
  const [, id = ''] = /^Experiment (\w+)/m.exec(run.stderr()) ?? [];
  await untilInvocations(fleet.data, 9);
  const pause = await fleet.shortCommand(['pause', id]);
  expect(pause).toMatchObject({ code: 0, stderr: '' });
  const status = await fleet.shortCommand(['status', id]);
  expect(status.stdout).toContain(`remark       ${lacks}`);
  const doctor = await fleet.shortCommand(['doctor']);
  expect(doctor.stdout).toContain(`warn  ${lacks}`);
  expect(doctor).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\nNothing failed; see the \d+ warnings? \(warn\) above\.\n$/),
  });
  gate.open();
  expect(await fleet.shortCommand(['resume', id])).toMatchObject({ code: 0 });
  expect(await run.ended).toMatchObject({ code: 0 });
  expect(await violations(fleet.data)).toEqual([]);
});

test('a worker uses attributes that an operator makes while it serves', async () => {
  await exchange(
    'full',
    ['Team7', 'Team8', 'Team9'],
    Object.fromEntries(OURS.map((name) => [name, KEYWORD])),
  );
  const client = new Client({ connection, namespace: 'full' });
  const handle = await client.workflow.start('experiment', {
    taskQueue: 'panic-tda',
    workflowId: 'found',
    args: [{ ...EXPERIMENT, networks: [LONG_NETWORK] }],
  });
  const { status, experiment } = await handle.result();
  expect(status).toBe('completed');
  expect((await handle.describe()).searchAttributes).toMatchObject({ PanicTdaStatus: ['completed'] });
  // A Temporal server on Postgres keeps 255 characters of a keyword, and cannot store a longer one.
  const { searchAttributes } = await client.workflow.getHandle(`run-${experiment}-0`).describe();
  const [network] = z.tuple([z.string()]).parse(searchAttributes['PanicTdaNetwork']);
  expect(LONG_NETWORK.join(' → ').length).toBeGreaterThan(255);
  expect(network.length).toBeLessThanOrEqual(255);
});
