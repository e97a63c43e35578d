import { afterAll, beforeAll, expect, test } from '@jest/globals';
import proto from '@temporalio/proto';
import { join } from 'node:path';
import { sideBySide } from '../support/side-by-side.js';
import { openLink, type Link } from '../../faults/common/link.js';
import type { TemporalServer } from '../../workers/temporal/server.js';
import { connectClient } from '../support/suite-server.js';
import { type Gate, gateIn } from '../support/gate.js';
import { asSuperuser, createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { makeBucket, s3Program, startS3Server, toldSkipped, type S3Server } from '../support/s3-server.js';
import { processesWithArgument } from '../support/processes-with-argument.js';
import {
  type EmbeddedPostgres,
  PASSWORD,
  startEmbeddedPostgres,
} from '../../bench/common/embedded-postgres.js';
import { EXPERIMENT, finishedRuns, idOf, saysUntil } from './outage-steps.js';
import { runJson } from '../support/standing-program.js';
import { startServer } from '../support/temporal-servers.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { pendingOf, serving } from '../support/fleet.js';
import { experimentWorkflowId, runWorkflowId } from '../../workflows/names.js';
import { describerAt, leaveAlone, painterAt, send, startModelServer } from '../support/model-server.js';
import { cleanUp, folderWith, panicTda, type Running, startPanicTda, until } from '../support/cli-process.js';

const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;

const available = await suitePostgres();
const onPostgres = available.available ? test : test.skip;
const title = available.available ? '' : ` (Postgres cannot run here: ${available.reason})`;
const program = await s3Program();
const everywhere = available.available && 'path' in program ? test : test.skip;

const ROLE = 'watcher';
const GATED = { ...EXPERIMENT, max_length: 6 };
const SHORT = { ...GATED, networks: [['DummyT2I', 'DummyI2T']], max_length: 4 };

/** One worker, the services that it uses, and a folder with experiments for it. */
let temporal: TemporalServer;
let client: Awaited<ReturnType<typeof connectClient>>;
let postgres: EmbeddedPostgres | null = null;
let s3: S3Server | null = null;
let models: Awaited<ReturnType<typeof startModelServer>>;
let folder: string;
let gate: Gate;
let env: Record<string, string>;
let worker: Running;
/** A server that answers the model calls of `away` only after that test lets it. */
let holding: Awaited<ReturnType<typeof startModelServer>>;
/** What four tests await. They mostly wait for time-outs, so they do it together. Only `password` uses the gate. */
let together: (name: 'away' | 'still' | 'own' | 'password') => Promise<void>;

beforeAll(async () => {
  [{ server: temporal }, postgres, s3, models, holding] = await Promise.all([
    startServer(sharedTemporaryFolder()),
    available.available ? startEmbeddedPostgres(sharedTemporaryFolder(), { fsync: false }) : null,
    'path' in program ? startS3Server(program.path) : null,
    startModelServer(),
    startModelServer(),
  ]);
  client = await connectClient(temporal.namespace, temporal.address);
  const served = [painterAt(models.base), describerAt(models.base, 'image')];
  const held = { ...describerAt(holding.base, 'image', { timeout_s: 600 }), name: 'HeldDescriber' };
  folder = folderWith({
    'catalogue.json': { models: [...served, held] },
    'crash.json': { ...GATED, name: 'crash' },
    'password.json': { ...GATED, name: 'password', prompts: ['a lighthouse'] },
    'away.json': { ...GATED, name: 'away', networks: [['DummyT2I', held.name]] },
    'short.json': SHORT,
    'served.json': {
      ...GATED,
      networks: [served.map(({ name }) => name)],
      prompts: ['a lighthouse'],
    },
  });
  gate = gateIn(folder);
  env = {
    ...gate.env,
    PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json'),
    TEMPORAL_ADDRESS: temporal.address,
  };
  if (postgres !== null) {
    await setPassword('create', PASSWORD);
    env['PANIC_TDA_DATABASE'] = postgres.url('postgres', ROLE);
  }
  if (s3 !== null) {
    await makeBucket(s3, 'pictures');
    env = { ...env, ...s3.environment, PANIC_TDA_OBJECTS: 's3://pictures' };
  }
  worker = startPanicTda(folder, ['worker'], env);
  await serving(worker);
  const tasks = [
    { name: 'away', task: temporalAway },
    { name: 'still', task: standsStill },
    { name: 'own', task: ownServerKilled },
    { name: 'password', task: passwordChanged },
  ];
  together = sideBySide(
    tasks.length,
    tasks.filter(({ name }) => available.available || name !== 'password'),
  );
});
afterAll(async () => {
  await cleanUp();
  for (const link of links.splice(0)) await link.close();
  await client.close();
  await models.close();
  await holding.close();
  await s3?.remove();
  await postgres?.stop();
  await temporal.stop();
});

async function setPassword(statement: 'create' | 'alter', password: string): Promise<void> {
  await asSuperuser(postgres!.url('postgres'), async (superuser) => {
    await superuser.query(`${statement} role ${ROLE} superuser login password '${password}'`);
    await superuser.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      ROLE,
    ]);
  });
}

const links: Link[] = [];
/** A link to the service of this URL, and the URL that leads through it. */
async function linkedUrl(of: string): Promise<{ link: Link; url: string }> {
  const url = new URL(of);
  const link = await openLink(url.host);
  links.push(link);
  return { link, url: Object.assign(url, { host: link.address }).href };
}

/** Variables for a run that does not lose the database to a change of the role's password. */
function withoutRole(): Record<string, string> {
  return postgres === null ? env : { ...env, PANIC_TDA_DATABASE: postgres.url('postgres') };
}

async function standsStill(): Promise<void> {
  models.interfere(({ path }, response) => {
    if (path !== '/v1/chat/completions') return false;
    // Does not let the worker wait within a try.
    send(response, 503, { error: { message: 'out of paint' } }, { 'retry-after': '0' });
    return true;
  });
  const running = startPanicTda(folder, ['run', 'served.json'], withoutRole());
  await saysUntil(running, /waiting: run 0, model call: DeviceError: .*503.*, next try (in|now)/);
  expect(await runJson(folder, ['status', idOf(running)], withoutRole())).toMatchObject({
    now: { kind: 'waiting', text: expect.stringMatching(/^run 0, model call: .*503/) },
  });
  models.interfere(leaveAlone);
  // Asks for the next try at once, also after a try that began before the server was well.
  const execution = { workflowId: runWorkflowId(idOf(running), 0) };
  await until(async () => {
    const [pending] = await pendingOf(client.client, execution.workflowId);
    if (pending === undefined) return true;
    const reset = { namespace: temporal.namespace, execution, type: 'advanceRun' };
    if (pending.state === PENDING_ACTIVITY_STATE_SCHEDULED)
      // It may have ended since the look.
      await client.client.workflowService.resetActivity(reset).catch(() => undefined);
    return false;
  });
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/runs 1 finished/)]);
}

async function temporalAway(): Promise<void> {
  const answers: (() => void)[] = [];
  holding.interfere(({ path }, response) => {
    if (path !== '/v1/chat/completions') return false;
    const message = { content: 'a lighthouse' };
    answers.push(() => send(response, 200, { choices: [{ index: 0, finish_reason: 'stop', message }] }));
    return true;
  });
  const { link } = await linkedUrl(`tcp://${temporal.address}`);
  const running = startPanicTda(folder, ['run', 'away.json'], {
    ...withoutRole(),
    TEMPORAL_ADDRESS: link.address,
  });
  await saysUntil(running, /invocations [1-9]/);
  link.cut('refused');
  // The workers have their own connection, and continue.
  holding.interfere(leaveAlone);
  for (const answer of answers) answer();
  await saysUntil(running, /runs 2 finished/);
  const { workflow, workflowService } = client.client;
  const handle = workflow.getHandle(experimentWorkflowId(idOf(running)));
  await handle.result();
  await workflowService.deleteWorkflowExecution({
    namespace: temporal.namespace,
    workflowExecution: { workflowId: handle.workflowId },
  });
  await until(
    async () =>
      await handle.describe().then(
        () => false,
        () => true,
      ),
  );
  await saysUntil(
    running,
    /It cannot be watched meanwhile: the Temporal service does not answer: .*(UNAVAILABLE|ECONN)/,
  );
  link.restore();
  const { code, stdout } = await running.ended;
  expect([code, stdout]).toEqual([0, expect.stringMatching(/: completed\n/)]);
}

async function passwordChanged(): Promise<void> {
  // Without its database, the worker would give the run that stands still another reason.
  await together('still').catch(() => undefined);
  const { link, url } = await linkedUrl(env['PANIC_TDA_DATABASE']!);
  const words = ['run', 'password.json'];
  const linked = { ...env, PANIC_TDA_DATABASE: url };
  const running = startPanicTda(folder, words, linked);
  const interrupted = startPanicTda(folder, words, linked);
  await Promise.all([running, interrupted].map((one) => saysUntil(one, /invocations [1-9]/)));
  link.cut('refused');
  await Promise.all([running, interrupted].map((one) => saysUntil(one, /It cannot be watched meanwhile/)));
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
  const experiment = client.client.workflow.getHandle(experimentWorkflowId(idOf(running)));
  expect(await experiment.result()).toMatchObject({ finished: 1 });
}

async function ownServerKilled(): Promise<void> {
  const own = folderWith({ 'short.json': SHORT });
  const server = postgres;
  const database =
    server === null ? null : await linkedUrl(server.url(await createDatabase((name) => server.url(name))));
  const running = startPanicTda(
    own,
    ['run', 'short.json'],
    database === null ? {} : { PANIC_TDA_DATABASE: database.url },
  );
  if (database !== null) {
    // After that, its server and its workers still have to start.
    await saysUntil(running, /Experiment [0-9a-f]{12}:/);
    database.link.cut('refused');
    await saysUntil(running, /Waiting until it answers: the database/);
    database.link.restore();
    await saysUntil(running, /It answers again, after /);
  }
  const file = join(own, 'panic-tda-data', 'temporal', 'temporal.sqlite');
  let servers: number[] = [];
  await until(
    () => (servers = processesWithArgument(file)).length > 0,
    () => running.stderr(),
  );
  for (const pid of servers) process.kill(pid, 'SIGKILL');
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/temporal server .* was ended by SIGKILL/)]);
}

test('run outlasts a Temporal service that is away until its experiment is over and its workflow is deleted', () =>
  together('away'));
test('a run that stands still says why, and when the next try is; so does status', () => together('still'));
onPostgres(
  `after a change of the password the watching ends with 4 and the runs continue; Ctrl-C ends a run whose Postgres is away with 130${title}`,
  () => together('password'),
);
test(`run outlasts a kill of its own Temporal server before it is up, after it has waited for a Postgres that went away before the work began${title}`, () =>
  together('own'));

everywhere(
  toldSkipped(
    'run outlasts Postgres, S3 and a configured Temporal service that crash, and so does a worker',
    program,
  ),
  async () => {
    gate.close();
    const running = startPanicTda(folder, ['run', 'crash.json'], env);
    await saysUntil(running, /invocations [1-9]/);
    process.kill(temporal.pid!, 'SIGKILL');
    await Promise.all([postgres!.stop('kill'), s3!.kill()]);
    await saysUntil(running, /It cannot be watched meanwhile: .*Ctrl-C leaves it to its workers/);
    await Promise.all([postgres!.start(), s3!.start()]);
    gate.open();
    const { code, stderr } = await running.ended;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/It can be watched again/)]);
    expect(await finishedRuns(folder, postgres!.url('postgres'), idOf(running))).toBe(2);
    worker.process.kill('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0 });
  },
);

onPostgres(`run ends with 4 for a Postgres that never answered${title}`, async () => {
  const { link, url } = await linkedUrl(env['PANIC_TDA_DATABASE']!);
  link.cut('refused');
  const never = await panicTda(folder, ['run', 'short.json', '--json'], { PANIC_TDA_DATABASE: url });
  expect([never.code, JSON.parse(never.stdout)]).toEqual([
    4,
    { error: { kind: 'Unknown', message: expect.stringMatching(/cannot be reached now/), exitCode: 4 } },
  ]);
});
