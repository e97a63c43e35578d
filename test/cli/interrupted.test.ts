import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cpSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { openStoreReadonly } from '../../db/index.js';
import { processesWithArgument } from '../support/processes-with-argument.js';
import { cleanUp, folderWith, runInfo, startPanicTda, until } from '../support/cli-process.js';
import { type Gate, gateIn } from '../support/gate.js';
import type { Running } from '../support/cli-process.js';
import { OfExperiment } from '../support/documents.js';
import { withWorker } from '../support/resumed.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { invocationCount } from '../support/store-checks.js';

/**
 * Two runs that end only after the test has opened their gate. The tests stop them again and again. They tell
 * one story and run in order.
 */
const EXPERIMENT = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a quiet harbour', 'a loud tower'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 60,
};

let folder: string;
let data: string;
let gate: Gate;
let running: Running;
let id: string;
beforeAll(() => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
  data = join(folder, 'panic-tda-data');
  gate = gateIn(folder);
});
afterAll(cleanUp);

/** The pauses without work, and the time of the last step. */
async function times() {
  const store = openStoreReadonly(data)!;
  try {
    const { rests } = await store.experiments.get(id);
    return { rests, ...(await store.summaries.summary(id)) };
  } finally {
    await store.close();
  }
}

async function untilMoreInvocations(): Promise<void> {
  const before = invocationCount(data);
  await until(
    gate.lettingThrough(() => invocationCount(data) > before),
    () => `\n${running.stderr()}`,
  );
}

/** The processes of the data folder: the Temporal server and the workers. */
function processesOfFolder(): number[] {
  return [
    ...processesWithArgument(join(data, 'temporal', 'temporal.sqlite')),
    ...processesWithArgument(data),
  ];
}

function infoWithProcesses() {
  const info = runInfo(data);
  if (info?.serverPid === undefined || info.workerPids?.length !== 2) throw new Error(JSON.stringify(info));
  return { ...info, serverPid: info.serverPid, workerPids: info.workerPids };
}

test('SIGTERM while the server is still starting ends with 143 and leaves no process', async () => {
  running = startPanicTda(folder, ['run', 'experiment.json'], gate.env);
  await until(() => runInfo(data) !== null);
  running.process.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(stderr).toMatch(/Stopping \(SIGTERM\)/);
  expect(code).toBe(143);
  expect(runInfo(data)).toBeNull();
  await until(() => processesOfFolder().length === 0);
});

test('status and list show a run under way, and a second run and a deletion are refused with the name of the first', async () => {
  running = startPanicTda(folder, ['run', 'experiment.json'], gate.env);
  await untilMoreInvocations();
  const status = OfExperiment.parse(await runJson(folder, ['status']));
  id = status.experiment;
  const { pid } = running.process;
  expect(status).toMatchObject({ status: 'running', stage: 'generating', driven: { by: 'process', pid } });
  const [list, second] = await Promise.all([
    runJson(folder, ['list']),
    runCommand(folder, ['run', 'experiment.json']),
  ]);
  expect(list).toMatchObject([{ id, state: 'running' }]);
  expect(second.stderr).toContain(`process ${pid}, started `);
  expect(second.code).toBe(2);
  const deletion = await runCommand(folder, ['delete', id, '--yes']);
  expect(deletion.stderr).toContain(`process ${pid} runs it`);
  expect(deletion.code).toBe(2);
});

test('a run continues when a worker and the Temporal server are killed', async () => {
  const before = infoWithProcesses();
  const gpuWorker = before.workerPids[1]!;
  process.kill(gpuWorker, 'SIGKILL');
  process.kill(before.serverPid, 'SIGKILL');
  await until(() => {
    const info = runInfo(data);
    return info?.serverPid !== before.serverPid && info?.workerPids?.[1] !== gpuWorker;
  });
  await untilMoreInvocations();
  expect(running.stderr()).toMatch(/worker-gpu \(process \d+\) was ended by SIGKILL/);
  expect(running.stderr()).toMatch(/temporal server runs again/);
});

test('after SIGKILL of everything, status says interrupted, doctor names what was left, and run continues', async () => {
  const { serverPid, workerPids } = infoWithProcesses();
  running.process.kill('SIGKILL');
  for (const pid of workerPids) process.kill(pid, 'SIGKILL');
  await running.ended;
  const before = await times();
  const { stdout: status } = await runCommand(folder, ['status']);
  expect(status).toMatch(/status +interrupted/);
  const doctor = await runCommand(folder, ['doctor']);
  expect(doctor.stdout).toContain(`process ${serverPid} (Temporal server) was left behind`);
  expect(doctor.stdout).toMatch(/was interrupted/);
  // Earlier versions left such servers without a record. The next run does not end them.
  const record = join(data, 'temporal', 'temporal.sqlite.server.json');
  renameSync(record, `${record}.away`);
  const { stdout: told } = await runCommand(folder, ['doctor']);
  expect(told).toMatch(
    new RegExp(`process ${serverPid} .* no run of this data folder is known.*"kill ${serverPid}"`),
  );
  expect(told).not.toContain('was left behind');
  renameSync(`${record}.away`, record);
  expect(doctor.code).toBe(0);
  cpSync(data, join(folder, 'interrupted'), { recursive: true });

  running = startPanicTda(folder, ['run', 'experiment.json'], gate.env);
  await untilMoreInvocations();
  expect(running.stderr()).toContain(`A Temporal server (process ${serverPid}) had outlived`);
  // The pause lasts from the last step until the command continued the experiment.
  const { rests, restedMs } = await times();
  expect(rests.length).toBeGreaterThan(before.rests.length);
  expect(rests.at(-1)![0]).toBe(before.lastInvocationAt);
  expect(restedMs).toBe(rests.reduce((sum, [from, to]) => sum + to - from, 0));
});

test('an interrupted experiment can be deleted, and the file compacted', async () => {
  const deleted = await runCommand(folder, ['delete', id, '--yes', '--compact', '--data', 'interrupted']);
  expect(deleted.stderr).not.toContain('panic-tda:');
  expect(deleted.stdout).toMatch(/Deleted experiment .*\nThe database file has /);
  expect(deleted.code).toBe(0);
  expect(await runJson(folder, ['list', '--data', 'interrupted'])).toEqual([]);
});

test('cancel from elsewhere ends the run with 3, and the rows say cancelled', async () => {
  const cancel = await runCommand(folder, ['cancel', id.slice(0, 6)]);
  expect(cancel.stdout).toContain(`"npx panic-tda resume ${id}" continues`);
  expect(cancel.code).toBe(0);
  const { code, stdout, stderr } = await running.ended;
  expect(stderr).toMatch(/The experiment was cancelled\./);
  expect(stdout).toMatch(new RegExp(`^Next\\n  npx panic-tda resume ${id} `, 'm'));
  expect(code).toBe(3);
  await until(() => processesOfFolder().length === 0);
  expect(await runJson(folder, ['status'])).toMatchObject({
    status: 'cancelled',
    driven: { by: 'nobody' },
    runs: { cancelled: 2, running: 0 },
  });
});

test('resume continues a cancelled experiment to its end, also beside a worker of another service', async () => {
  gate.open();
  const { code, stdout } = await withWorker(data, ['resume', id], gate.env);
  expect(stdout).toMatch(/runs +2 finished/);
  expect(stdout).toMatch(/invocations +120 /);
  expect(code).toBe(0);
  expect((await runCommand(folder, ['doctor'])).code).toBe(0);
});
