import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { contentDigest, openStore, openStoreReadonly } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { validateExperiment } from '../../experiment/index.js';
import { loadCatalogue } from '../../models/index.js';
import { describerAt, embedderAt, startModelServer } from '../support/model-server.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { experimentIn } from '../support/json.js';
import { withWorker } from '../support/resumed.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { suiteAddress, takeNamespace, withClient } from '../support/suite-server.js';
import { startWorkerProcess } from '../support/worker-process.js';

afterAll(cleanUp);

const EXPERIMENT = {
  networks: [['DummyT2I', 'ServedDescriber']],
  prompts: ['a red fox', 'a grey sea'],
  seeds: [3, -1],
  embedding_models: ['ServedEmbedder'],
  max_length: 6,
};
const UNKNOWN = /the catalogue has no models? (ServedDescriber|ServedEmbedder)(, ServedEmbedder)? any more/;
const READ = /Read: the built-in catalogue alone; PANIC_TDA_CATALOGUE is not set/;

const server = startModelServer();
let folder: string;
let data: string;
let catalogueFile: string;
let env: Record<string, string>;
let id: string;

beforeAll(async () => {
  const { base } = await server;
  folder = folderWith({
    'own.json': { models: [describerAt(base, 'image'), embedderAt(base)] },
    'experiment.json': EXPERIMENT,
  });
  data = join(folder, 'panic-tda-data');
  catalogueFile = join(folder, 'own.json');
  env = { PANIC_TDA_CATALOGUE: catalogueFile };
  const ran = await withWorker(data, ['run', 'experiment.json', '--json'], env);
  if (ran.code !== 0) throw new Error(ran.stderr);
  id = experimentIn(ran.stdout);
});
afterAll(async () => await (await server).close());

/** A copy of the finished data folder with changed rows. */
async function copyWith(sql: string): Promise<string> {
  const copy = folderWith({ 'experiment.json': EXPERIMENT });
  cpSync(data, join(copy, 'panic-tda-data'), { recursive: true });
  const store = openStore(join(copy, 'panic-tda-data'));
  store.db.sqlite.exec(sql);
  await store.close();
  return copy;
}

async function digestOf(where: string): Promise<string> {
  const store = openStoreReadonly(join(where, 'panic-tda-data'))!;
  try {
    return await contentDigest(store.db, id);
  } finally {
    await store.close();
  }
}

const REOPENED = `update experiments set status = 'cancelled'`;
const TO_BE_MEASURED = `
  delete from diagrams;
  update runs set status = 'pending', finished_at = null;
  ${REOPENED}`;

describe('a finished experiment whose models are no longer in the catalogue', () => {
  test.each([['resume'], ['retry']])('%s says that there is nothing to do', async (verb) => {
    const { code, stderr } = await runCommand(folder, [verb, id]);
    expect(stderr).toMatch(/complete; there is nothing left to do/);
    expect(code).toBe(0);
  });

  test('run of its file says so too, and run of another file names the catalogue that it read', async () => {
    expect(await runCommand(folder, ['run', 'experiment.json'])).toMatchObject({ code: 0 });
    const other = folderWith({ 'experiment.json': EXPERIMENT });
    for (const verb of ['run', 'plan']) {
      const { code, stderr } = await runCommand(other, [verb, 'experiment.json']);
      expect(stderr).toMatch(/networks\[0\]\[1\]: found the unknown model "ServedDescriber"/);
      expect(stderr.match(/Read: /g)).toHaveLength(1);
      expect(stderr).toMatch(READ);
      expect(code).toBe(2);
    }
  });

  test('is shown, with the file that its models came from', async () => {
    const { code, stdout } = await runCommand(folder, ['show', id]);
    expect(stdout).toMatch(UNKNOWN);
    expect(stdout).toContain(`came from ${catalogueFile}`);
    expect(code).toBe(0);
    expect(await runJson(folder, ['show', id])).toMatchObject({
      unknownModels: ['ServedDescriber', 'ServedEmbedder'],
      catalogue: [{ path: catalogueFile, models: ['ServedDescriber', 'ServedEmbedder'] }],
    });
  });

  test('is reported by doctor, and is no problem; verify refuses it', async () => {
    const looked = await runCommand(folder, ['doctor']);
    expect(looked.stdout).toMatch(UNKNOWN);
    expect(looked.stdout).toMatch(/has nothing left that needs them/);
    expect(looked.code).toBe(0);
    const verified = await runCommand(folder, ['verify', id, '--sample', '100%']);
    expect(verified.stderr).toMatch(/the catalogue has no model ServedDescriber any more/);
    expect(verified.stderr).toMatch(READ);
    expect(verified.stderr).toContain(catalogueFile);
    expect(verified.code).toBe(2);
  });
});

test('a command that needs no model continues without a missing catalogue file, with a remark', async () => {
  const gone = { PANIC_TDA_CATALOGUE: join(folder, 'gone.json') };
  const remark = /Remark: .*gone\.json: 1 problem\n.*no file of that name/;
  for (const words of [['list'], ['show', id], ['status'], ['upgrade']]) {
    const { code, stderr } = await runCommand(folder, words, gone);
    expect(stderr).toMatch(remark);
    expect(code).toBe(0);
  }
  const shown = await runCommand(folder, ['show', id], gone);
  expect(shown.stdout).toMatch(/gone\.json \(PANIC_TDA_CATALOGUE\) could not be used/);
  for (const words of [['resume', id], ['verify', id], ['plan', 'experiment.json'], ['worker']]) {
    const { code, stderr } = await runCommand(folder, words, gone);
    expect(stderr).toMatch(/gone\.json: 1 problem\n.*no file of that name/);
    expect(stderr).not.toMatch(/Remark/);
    expect(code).toBe(2);
  }
});

describe('an unfinished experiment of such models', () => {
  test('is refused before anything starts, with the file that its models came from', async () => {
    const copy = await copyWith(`
      delete from diagrams;
      delete from invocations where sequence > 2;
      update runs set status = 'pending', finished_at = null, stop_reason = null, length = null, cycle_start = null,
        cycle_length = null;
      ${REOPENED}`);
    for (const words of [
      ['resume', id],
      ['run', 'experiment.json'],
    ]) {
      const { code, stderr } = await runCommand(copy, words);
      expect(stderr).toMatch(/the catalogue has no models ServedDescriber, ServedEmbedder any more/);
      expect(stderr).toMatch(READ);
      expect(stderr).toMatch(/SHA-256 [0-9a-f]{12}.*PANIC_TDA_CATALOGUE\. Nothing was done/);
      expect(stderr).toContain(`came from ${catalogueFile}`);
      expect(code).toBe(2);
    }
    const looked = await runCommand(copy, ['doctor']);
    expect(looked.stdout).toMatch(new RegExp(`warn +experiment ${id} cannot go on: ${UNKNOWN.source}`));
  });

  test('is refused if vectors are left, but only for their model', async () => {
    const copy = await copyWith(`
      ${TO_BE_MEASURED};
      delete from embeddings where invocation_id = (select max(invocation_id) from embeddings)`);
    const { code, stderr } = await runCommand(copy, ['resume', id]);
    expect(stderr).toMatch(/the catalogue has no model ServedEmbedder any more/);
    expect(code).toBe(2);
  });

  test('with only a failed run left: resume has nothing to do, retry would need its models', async () => {
    const copy = await copyWith(`
      delete from diagrams where run_id = (select min(id) from runs);
      delete from invocations where run_id = (select min(id) from runs) and sequence > 2;
      update runs set status = 'failed', error_kind = 'DeviceError', error_message = 'gone', stop_reason = null,
        length = null, cycle_start = null, cycle_length = null where id = (select min(id) from runs);
      update experiments set status = 'completed_with_failures'`);
    const resumed = await runCommand(copy, ['resume', id]);
    expect(resumed.stderr).toMatch(/has ended; ".*retry.*" runs its 1 failed run again/);
    expect(resumed.code).toBe(1);
    const retried = await runCommand(copy, ['retry', id]);
    expect(retried.stderr).toMatch(UNKNOWN);
    expect(retried.code).toBe(2);
  });
});

test('doctor --fix says which model it could not ask, and which catalogue it read', async () => {
  const copy = await copyWith(`
    drop trigger invocations_are_immutable;
    update invocations set seed = seed + 1 where sequence = 1`);
  const { code, stdout } = await runCommand(copy, ['doctor', '--fix', '--yes']);
  expect(stdout).toMatch(
    /could not .*: the catalogue has no model ServedDescriber any more\. Read: the built-in/,
  );
  expect(code).toBe(1);
});

test('a worker without these models makes the diagrams of stored vectors, but refuses the work of the models, and names its catalogue', async () => {
  const copy = await copyWith(TO_BE_MEASURED);
  const { base } = await server;
  const whole = folderWith({ 'own.json': { models: [describerAt(base, 'image'), embedderAt(base)] } });
  const catalogue = await loadCatalogue({ catalogueFile: join(whole, 'own.json') });
  const validated = validateExperiment({ ...EXPERIMENT, name: 'elsewhere' }, catalogue);
  if (!validated.ok) throw new Error('it is valid');
  const { config } = validated;
  const store = openStore(join(copy, 'panic-tda-data'));
  await store.experiments.plan(experimentId(config), config, Date.now());
  await store.close();

  const namespace = takeNamespace();
  const worker = startWorkerProcess({ namespace, data: join(copy, 'panic-tda-data') });
  try {
    const service = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: namespace };
    const { code, stdout } = await runCommand(copy, ['resume', id, '--json'], service);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', diagrams: 4 });
    expect(code).toBe(0);
    expect(await digestOf(copy)).toBe(await digestOf(folder));

    const elsewhere = withClient(namespace, (client) =>
      client.workflow.execute('experiment', {
        taskQueue: 'panic-tda',
        workflowId: 'elsewhere',
        args: [config],
      }),
    );
    await expect(elsewhere).rejects.toMatchObject({
      cause: {
        cause: {
          type: 'InvalidInput',
          message: expect.stringMatching(
            /^worker on .*: the catalogue has no models ServedDescriber, ServedEmbedder any more\. Read: the built-in/,
          ) as unknown,
        },
      },
    });
  } finally {
    await worker.stop();
  }
});
