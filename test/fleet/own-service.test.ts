import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../cli/doctor/finding.js';
import { temporalServerEnvironment } from '../../workers/settings/temporal.js';
import { freeLoopbackPorts } from '../../workers/processes/free-ports.js';
import { queueStates } from '../../workers/temporal/queue-states.js';
import { taskPauses } from '../../workers/temporal/task-pauses.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { waitUntilServing } from '../../workers/temporal/namespace-setup.js';
import { cleanUp, until } from '../support/cli-process.js';
import { documentedCommands, valuesOf } from '../support/documented-commands.js';
import { openRefusingProxy } from '../support/refusing-service.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { openFleet, type Fleet } from '../support/fleet.js';
import { DoctorDocument } from '../support/documents.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 8,
};

interface Server {
  readonly address: string;
  readonly connection: Connection;
}

let cli: string;
const servers: ChildProcess[] = [];
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  cli = (await findTemporalCli({ fetch: false })).path;
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await cleanUp();
});

/** Runs `temporal server start-dev` with these arguments, and free ports, until the test is over. */
async function startDev(words: readonly string[], namespaces: readonly string[]): Promise<Server> {
  const ports = await freeLoopbackPorts('port', 'http-port', 'metrics-port', 'ui-port');
  const byFlag = new Map(Object.entries(ports).map(([name, port]) => [`--${name}`, port]));
  const own = words.map((word, index) => String(byFlag.get(words[index - 1] ?? '') ?? word));
  const server = spawn(cli, own, {
    cwd: sharedTemporaryFolder(),
    env: temporalServerEnvironment(),
    stdio: 'ignore',
  });
  servers.push(server);
  closing.push(async () => {
    server.kill('SIGKILL');
    await until(() => server.exitCode !== null || server.signalCode !== null);
  });
  const address = `127.0.0.1:${ports.port}`;
  await waitUntilServing(address, namespaces, new AbortController().signal, 120_000);
  const connection = await Connection.connect({ address });
  closing.push(() => connection.close());
  return { address, connection };
}

async function fleetOn(address: string, namespace: string): Promise<Fleet> {
  const fleet = await openFleet(null, { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace });
  closing.push(() => fleet.close());
  return fleet;
}

/** The findings of doctor about the service, by level. */
async function found(
  fleet: Fleet,
  env: Readonly<Record<string, string>> = {},
): Promise<Record<Finding['level'], string>> {
  const { findings } = DoctorDocument.parse(await fleet.json(['doctor'], env));
  const of = (level: Finding['level']): string =>
    findings
      .filter((finding) => finding.section === 'Temporal' && finding.level === level)
      .map(({ text }) => text)
      .join('\n');
  return { ok: of('ok'), info: of('info'), warning: of('warning'), problem: of('problem') };
}

/** Resolves when a task waits in the queue of workflows, which shows how the server reads the queue. */
async function taskWaits(client: Client): Promise<void> {
  await until(async () => (await queueStates(client, ['panic-tda'])).some(({ backlog }) => backlog > 0));
}

const PLAIN = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--namespace', 'old'].concat(
  ['port', 'http-port', 'metrics-port'].flatMap((name) => [`--${name}`, '0']),
);

test('the commands of docs/service.md, run as they are, make a service on which doctor warns of nothing', async () => {
  const commands = documentedCommands('docs/service.md');
  const start = commands.find((words) => words[2] === 'start-dev')!;
  const [namespace = ''] = valuesOf(start, 'namespace');
  const { address, connection } = await startDev(start.slice(1), ['default', namespace]);
  const update = commands.find((words) => words[2] === 'namespace' && words[3] === 'update')!;
  execFileSync(cli, update.slice(1), {
    env: { ...temporalServerEnvironment(), TEMPORAL_ADDRESS: address },
    stdio: 'ignore',
  });

  const fleet = await fleetOn(address, namespace);
  const file = join(fleet.folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(EXPERIMENT));
  const client = new Client({ connection, namespace });
  const run = fleet.command(['run', file]);
  await taskWaits(client);
  const worker = await fleet.worker([]);
  expect(await run.ended).toMatchObject({ code: 0 });
  expect(run.stderr() + worker.stderr()).not.toMatch(/Warning/);

  const { ok, info, warning, problem } = await found(fleet);
  expect({ warning, problem }).toEqual({ warning: '', problem: '' });
  expect(ok).toMatch(/^the service is Temporal 1\.32\.0$/m);
  expect(ok).toContain('it lets this process do what commands and workers do');
  expect(ok).toContain(`the namespace "${namespace}" keeps ended workflows for 30 days`);
  expect(ok).toContain('experiments take turns');
  expect(info).toMatch(/^history\.workflowTaskRetryMaxInterval: \[\{ value: "20s" \}\]$/m);
  expect(info).toMatch(/^half of the last [1-9]\d* tasks of runs waited longer than \d+\.\d ms/m);
  const { waits, steps } = await taskPauses(client);
  expect(steps.length).toBeGreaterThan(0);
  expect(waits.length).toBeGreaterThan(steps.length);
  for (const ms of [...waits, ...steps]) expect(ms).toBeGreaterThanOrEqual(0);
});

test('on a service with default settings, doctor names everything that is missing with its remedy, and worker and run warn of it', async () => {
  const { address, connection } = await startDev(PLAIN, ['default', 'old']);
  const fleet = await fleetOn(address, 'default');
  const fresh = await found(fleet);
  expect(fresh.info).toContain('fairness) is seen when the first tasks have waited');
  const client = new Client({ connection });
  // In a queue of several parts, a task may move to another part for a moment.
  const workflow = await client.workflow.start('waits', { taskQueue: 'panic-tda', workflowId: 'waits' });
  await taskWaits(client);

  const { warning, info, problem } = await found(fleet);
  expect(problem).toBe('');
  const forgets = 'the namespace "default" forgets a workflow 1 day after its end, and not after 30 days';
  const remedy = '"temporal operator namespace update --namespace default --retention 720h"';
  expect(warning).toContain(forgets);
  expect(warning).toContain(remedy);
  expect(warning).toMatch(/no fairness.*"matching\.enableFairness: \[\{ value: true \}\]"/);
  expect(warning).toMatch(/lacks the search attributes PanicTdaExperiment.*search-attribute create/);
  for (const line of [
    'history.transferProcessorMaxPollRPS: [{ value: 2000 }]',
    'history.workflowTaskRetryMaxInterval: [{ value: "20s" }]',
    'system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute: [{ value: 1 }]',
  ])
    expect(info.split('\n')).toContain(line);

  await workflow.terminate();
  const worker = await fleet.worker([]);
  const file = join(fleet.folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(EXPERIMENT));
  const run = await fleet.shortCommand(['run', file]);
  expect(run.code).toBe(0);
  for (const said of [worker.stderr(), run.stderr])
    expect(said.split('\n').filter((line) => line.startsWith(`Warning: ${forgets}`))).toHaveLength(1);

  // A proxy in front of the server refuses some calls.
  const proxy = await openRefusingProxy(
    address,
    new Set([
      'DescribeNamespace',
      'StartWorkflowExecution',
      'ListWorkflowExecutions',
      'DescribeTaskQueuePartition',
    ]),
  );
  closing.push(() => proxy.close());
  const refused = await found(fleet, { TEMPORAL_ADDRESS: proxy.address });
  expect(refused.problem).toMatch(
    /^the Temporal service at \S+ does not let this process call DescribeNamespace, StartWorkflowExecution in the namespace "default" \(Request unauthorized\.\): no worker starts, "run" starts no experiment; give .* the role writer/,
  );
  expect(refused.warning).toMatch(
    /^the Temporal service at \S+ does not let this process call ListWorkflowExecutions in .*: "status" and "doctor" find no blocked workflows; give .* the role reader/,
  );
  expect(refused.info).toContain('keeps ended workflows cannot be seen');
  expect(refused.info).toContain('the service keeps it to itself (Request unauthorized.)');

  await connection.workflowService.deprecateNamespace({ namespace: 'old' });
  const deprecated =
    'the namespace "old" is deprecated: it goes on with the workflows that it has, and takes no new ones';
  expect((await found(fleet, { TEMPORAL_NAMESPACE: 'old' })).problem).toContain(deprecated);
  const onOld = await fleet.worker([], { TEMPORAL_NAMESPACE: 'old' });
  expect(onOld.stderr()).toContain(`Warning: ${deprecated}`);
});
