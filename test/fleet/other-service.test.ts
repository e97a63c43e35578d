import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { hostname } from 'node:os';
import { serviceAt } from '../../db/index.js';
import { freeLoopbackPorts } from '../../workers/processes/free-ports.js';
import { askOtherService } from '../../workers/temporal/ask-other-service.js';
import { identifyService } from '../../workers/temporal/service-identity.js';
import { connectClient, suiteAddress, takeNamespace } from '../support/suite-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const namespace = takeNamespace();
let client: Client;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ client, close } = await connectClient(namespace));
});
afterAll(() => close());

test('the question about an execution goes to the address of its service', async () => {
  const rows = { folder: temporaryFolder(), database: null };
  const service = await identifyService(client.connection, suiteAddress(), namespace, rows);
  expect(service.where).toEqual({
    kind: 'service',
    address: suiteAddress(),
    namespace,
    machine: hostname(),
  });
  const { workflowId, firstExecutionRunId } = await client.workflow.start('experiment', {
    taskQueue: 'without-workers',
    workflowId: 'asked',
  });
  const driver = { workflowId, runId: firstExecutionRunId };
  expect(await askOtherService(driver, service, {})).toBe('running');
  await client.workflow.getHandle(workflowId).terminate();
  expect(await askOtherService(driver, service, {})).toBe('over');
  expect(await askOtherService({ ...driver, workflowId: 'never' }, service, {})).toBe('over');
});

test('an execution has ended if its service lost its state, or if another service has its address', async () => {
  const where = { kind: 'service', address: suiteAddress(), namespace, machine: null } as const;
  const driver = { workflowId: 'lost', runId: '0198c2a0-0000-7000-8000-000000000000' };
  expect(await askOtherService(driver, serviceAt(where, 'of before'), {})).toBe('over');
});

test('the answer is unknown for a service that does not answer, is on another machine, or has no address', async () => {
  const { port } = await freeLoopbackPorts('port');
  const driver = { workflowId: 'w', runId: 'r' };
  const address = `127.0.0.1:${port}`;
  for (const where of [
    { kind: 'service', address, namespace, machine: hostname() },
    { kind: 'service', address: suiteAddress(), namespace, machine: 'another-machine' },
    { kind: 'embedded', folder: null, machine: null },
  ] as const) {
    expect(await askOtherService(driver, serviceAt(where, 'of before'), {})).toBe('unknown');
  }
  // The text of a row is only for people: the program does not ask at the place that it names.
  const { place } = serviceAt({ kind: 'service', address: suiteAddress(), namespace, machine: null }, null);
  expect(await askOtherService(driver, { id: 'of before', place, where: null }, {})).toBe('unknown');
});
