import { afterAll, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { openLink, type Link } from '../../faults/common/link.js';
import { gateIn } from '../support/gate.js';
import { openLaboratory } from '../support/laboratory.js';
import { suiteAddress } from '../support/suite-server.js';
import { asSuperuser, createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { makeBucket, s3Program, startS3Server, toldSkipped } from '../support/s3-server.js';
import { processesWithArgument } from '../support/processes-with-argument.js';
import { PASSWORD } from '../../bench/common/embedded-postgres.js';
import { closing, EXPERIMENT, finishedRuns, ownPostgres, saysUntil } from './outage-steps.js';
import { startServer } from '../support/temporal-servers.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { serving } from '../support/fleet.js';
import { experimentWorkflowId } from '../../workflows/names.js';
import { describerAt, leaveAlone, painterAt, send, startModelServer } from '../support/model-server.js';
import { cleanUp, folderWith, panicTda, panicTdaJson, startPanicTda, until } from '../support/cli-process.js';

jest.setTimeout(240_000);

afterAll(cleanUp);

async function linkTo(target: string): Promise<Link> {
  const link = await openLink(target);
  closing.push(() => link.close());
  return link;
}

const server = await suitePostgres();
const onServer = server.available ? test : test.skip;
const title = server.available ? '' : ` (Postgres cannot run here: ${server.reason})`;
const program = await s3Program();
const everywhere = server.available && 'path' in program ? test : test.skip;

everywhere(
  toldSkipped(
    'run outlasts Postgres, S3 and a configured Temporal service that crash, and so does a worker',
    program,
  ),
  async () => {
    if (!('path' in program)) return;
    const postgres = await ownPostgres();
    const s3 = await startS3Server(program.path);
    closing.push(() => s3.remove());
    await makeBucket(s3, 'pictures');
    const { server: temporal } = await startServer(sharedTemporaryFolder());
    closing.push(() => temporal.stop());
    const url = postgres.url('postgres');
    const folder = folderWith({ 'experiment.json': EXPERIMENT });
    const gate = gateIn(folder);
    const env = {
      ...s3.environment,
      ...gate.env,
      PANIC_TDA_DATABASE: url,
      PANIC_TDA_OBJECTS: 's3://pictures',
      TEMPORAL_ADDRESS: temporal.address,
    };
    const worker = startPanicTda(folder, ['worker'], env);
    await serving(worker);
    const running = startPanicTda(folder, ['run', 'experiment.json'], env);
    await saysUntil(running, /invocations [1-9]/);
    process.kill(temporal.pid!, 'SIGKILL');
    await Promise.all([postgres.stop('kill'), s3.kill()]);
    await saysUntil(running, /It cannot be watched meanwhile: .*Ctrl-C leaves it to its workers/);
    await Promise.all([postgres.start(), s3.start()]);
    gate.open();
    const { code, stderr } = await running.ended;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/It can be watched again/)]);
    expect(await finishedRuns(folder, url)).toBe(2);
    worker.process.kill('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0 });
  },
);

const SHORT = { ...EXPERIMENT, networks: [['DummyT2I', 'DummyI2T']], max_length: 4 };

test('run outlasts a kill of its own Temporal server before it is up', async () => {
  const folder = folderWith({ 'experiment.json': SHORT });
  const running = startPanicTda(folder, ['run', 'experiment.json']);
  const file = join(folder, 'panic-tda-data', 'temporal', 'temporal.sqlite');
  let servers: number[] = [];
  await until(
    () => (servers = processesWithArgument(file)).length > 0,
    () => running.stderr(),
  );
  for (const pid of servers) process.kill(pid, 'SIGKILL');
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/temporal server .* was ended by SIGKILL/)]);
});

onServer(
  `run waits for a Postgres that has answered once before the work began; for one that never did it ends with 4${title}`,
  async () => {
    if (!server.available) return;
    const address = new URL(server.urlOf(await createDatabase(server.urlOf)));
    const link = await linkTo(address.host);
    const env = { PANIC_TDA_DATABASE: Object.assign(address, { host: link.address }).href };
    const folder = folderWith({ 'experiment.json': SHORT });
    link.cut('refused');
    const never = await panicTda(folder, ['run', 'experiment.json', '--json'], env);
    expect([never.code, JSON.parse(never.stdout)]).toEqual([
      4,
      { error: { kind: 'Unknown', message: expect.stringMatching(/cannot be reached now/), exitCode: 4 } },
    ]);
    link.restore();
    const running = startPanicTda(folder, ['run', 'experiment.json'], env);
    // After that, its server and its workers still have to start.
    await saysUntil(running, /Experiment [0-9a-f]{12}:/);
    link.cut('refused');
    await saysUntil(running, /Waiting until it answers: the database/);
    link.restore();
    const { code, stderr } = await running.ended;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/It answers again, after /)]);
  },
);

onServer(
  `after a change of the password the watching ends with 4 and the runs continue; Ctrl-C ends a run whose Postgres is away with 130${title}`,
  async () => {
    if (!server.available) return;
    const database = await createDatabase(server.urlOf);
    const role = `watcher_${process.pid}`;
    const setPassword = (statement: 'create' | 'alter', password: string): Promise<void> =>
      asSuperuser(server.urlOf(database), async (client) => {
        await client.query(`${statement} role ${role} superuser login password '${password}'`);
        await client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
          role,
        ]);
      });
    await setPassword('create', PASSWORD);
    const own = Object.assign(new URL(server.urlOf(database)), { username: role });
    const folder = folderWith({ 'experiment.json': EXPERIMENT });
    const gate = gateIn(folder);
    const laboratory = await openLaboratory({ ...gate.env, PANIC_TDA_DATABASE: own.href });
    closing.push(() => laboratory.close());
    const link = await linkTo(own.host);
    const url = Object.assign(own, { host: link.address }).href;
    const env = {
      TEMPORAL_ADDRESS: suiteAddress(),
      TEMPORAL_NAMESPACE: laboratory.namespace,
      PANIC_TDA_DATABASE: url,
    };
    const words = ['run', 'experiment.json', '--data', laboratory.data];
    const running = startPanicTda(folder, words, env);
    await saysUntil(running, /invocations [1-9]/);

    const interrupted = startPanicTda(folder, words, env);
    await saysUntil(interrupted, /invocations [1-9]/);
    link.cut('refused');
    await saysUntil(interrupted, /It cannot be watched meanwhile/);
    interrupted.process.kill('SIGINT');
    const stopped = await interrupted.ended;
    expect([stopped.code, stopped.stderr]).toEqual([
      130,
      expect.stringMatching(/it could not be counted: the database .*"npx panic-tda resume/s),
    ]);
    link.restore();
    await saysUntil(running, /It can be watched again/);

    await setPassword('alter', 'another');
    const { code, stderr } = await running.ended;
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/panic-tda: the database .*: the user or the password is wrong/),
    ]);
    // Workers retry the work meanwhile.
    await setPassword('alter', PASSWORD);
    gate.open();
    const id = /Experiment ([0-9a-f]{12})/.exec(stderr)![1]!;
    const { workflow } = laboratory.client;
    expect(await workflow.getHandle(experimentWorkflowId(id)).result()).toMatchObject({ finished: 2 });
  },
);

test('run outlasts a Temporal service that is away until its experiment is over and its workflow is deleted', async () => {
  const folder = folderWith({ 'experiment.json': EXPERIMENT });
  const gate = gateIn(folder);
  const laboratory = await openLaboratory(gate.env);
  closing.push(() => laboratory.close());
  const link = await linkTo(suiteAddress());
  const env = { TEMPORAL_ADDRESS: link.address, TEMPORAL_NAMESPACE: laboratory.namespace };
  const running = startPanicTda(folder, ['run', 'experiment.json', '--data', laboratory.data], env);
  await saysUntil(running, /invocations [1-9]/);
  link.cut('refused');
  await saysUntil(
    running,
    /It cannot be watched meanwhile: the Temporal service does not answer: .*(UNAVAILABLE|ECONN)/,
  );
  // The workers have their own connection, and continue.
  gate.open();
  await until(
    () => /runs 2 finished/.test(running.stderr()),
    () => running.stderr(),
  );
  const id = /Experiment ([0-9a-f]{12})/.exec(running.stderr())![1]!;
  const { workflow, workflowService } = laboratory.client;
  const handle = workflow.getHandle(experimentWorkflowId(id));
  await handle.result();
  await workflowService.deleteWorkflowExecution({
    namespace: laboratory.namespace,
    workflowExecution: { workflowId: handle.workflowId },
  });
  await until(
    async () =>
      await handle.describe().then(
        () => false,
        () => true,
      ),
  );
  link.restore();
  const { code, stdout } = await running.ended;
  expect([code, stdout]).toEqual([0, expect.stringMatching(/: completed\n/)]);
});

test('a run that stands still says why, and when the next try is; so does status', async () => {
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
  expect(await panicTdaJson(folder, ['status'], env)).toMatchObject({
    now: { kind: 'waiting', text: expect.stringMatching(/^run 0, model call: .*503/) },
  });
  models.interfere(leaveAlone);
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/runs 1 finished/)]);
});
