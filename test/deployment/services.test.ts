import { ownMark } from '../support/own-mark.js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { TEMPORAL_PROGRAMS } from '../../faults/machines/programs.js';
import { quietAwsSdk } from '../../workers/settings/object-service.js';
import { freeLoopbackPorts } from '../../workers/processes/free-ports.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { s3Program } from '../support/s3-server.js';
import { asSuperuser, suitePostgres } from '../support/suite-postgres.js';
import { httpRequest } from '../support/http-request.js';
import { connectClient, suiteAddress, suiteUi } from '../support/suite-server.js';
import { exitCode, repositoryPath, until } from '../support/child-processes.js';
import { environmentOf, readComposeFile, ROOT, type ComposeService } from './compose-file.js';
import { readDockerfile } from './dockerfile.js';
import type { experiment as workflow } from '../../workflows/index.js';

/** Runs our own services and jobs of docker-compose.yml as processes against real servers. */

const SECRETS = {
  POSTGRES_PASSWORD: 'not asked for here',
  // Temporal's own tool does not quote it.
  TEMPORAL_DB_PASSWORD: 'temporals',
  PANIC_TDA_OWNER_PASSWORD: 'the owner:1',
  PANIC_TDA_APP_PASSWORD: 'the\\workers@2',
  S3_ROOT_ACCESS_KEY: 'root-of-the-tests',
  S3_ROOT_SECRET_KEY: "the root's secret",
  S3_WORKER_ACCESS_KEY: 'compose-tests',
  S3_WORKER_SECRET_KEY: 'a secret <of> the "tests" & theirs',
};

const SMALL_EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [1],
  embedding_models: ['HashedNgram'],
  max_length: 8,
};

const { services } = readComposeFile();
const postgres = await suitePostgres();
const s3 = await s3Program();
const psql = spawnSync('psql', ['--version']).status === 0;
const missing = [
  ...(postgres.available ? [] : [`Postgres cannot run here: ${postgres.reason}`]),
  ...('missing' in s3 ? [s3.missing] : []),
  ...(psql ? [] : ["psql is not on PATH, which the roles' script calls"]),
];
const here = missing.length === 0 ? describe : describe.skip;
if (missing.length > 0)
  process.stderr.write(`skipped: the services of docker-compose.yml: ${missing.join('; ')}\n`);

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-compose-'));
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

function postgresUrl(database: string): string {
  if (!postgres.available) throw new Error(postgres.reason);
  return postgres.urlOf(database);
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env });
  return { status, output: `${stdout}${stderr}` };
}

here('docker-compose.yml, as processes', () => {
  const data = join(folder, 'data');
  const running = new Map<string, ChildProcess>();
  /** Names in a container's network or file system, each with its place here. */
  let places: readonly (readonly [string, string])[] = [];
  const ports = new Map<string, number>();
  let temporalSqlTool: string | null = null;

  beforeAll(async () => {
    mkdirSync(data);
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync((await findTemporalCli({ fetch: false })).path, join(bin, 'temporal'));
    temporalSqlTool = join(TEMPORAL_PROGRAMS, 'sql');
    if (existsSync(temporalSqlTool)) symlinkSync(temporalSqlTool, join(bin, 'temporal-sql-tool'));
    else temporalSqlTool = null;
    const free = await freeLoopbackPorts(
      'objects',
      'objects-admin',
      'web-ui',
      'metrics-ui',
      'prometheus',
      'worker-cpu',
      'worker-gpu',
      'metrics',
    );
    for (const [name, port] of Object.entries(free)) ports.set(name, port);
    const database = new URL(postgresUrl('postgres'));
    places = [
      ['postgres:5432', database.host],
      ['temporal:7233', suiteAddress()],
      ['temporal-ui:6666', suiteUi()],
      ['0.0.0.0:8080', `127.0.0.1:${ports.get('web-ui')}`],
      ['prometheus:9090', `127.0.0.1:${ports.get('prometheus')}`],
      ['0.0.0.0:9090', `127.0.0.1:${ports.get('metrics-ui')}`],
      ['http://objects:7070', `http://127.0.0.1:${ports.get('objects')}`],
      ['http://objects:7071', `http://127.0.0.1:${ports.get('objects-admin')}`],
      [':7070', `127.0.0.1:${ports.get('objects')}`],
      [':7071', `127.0.0.1:${ports.get('objects-admin')}`],
      ['/compose/', fileURLToPath(new URL('compose/', ROOT))],
      ['/data/', join(folder, 'objects', '/')],
    ];
  });

  afterAll(() => {
    for (const child of running.values()) child.kill('SIGKILL');
  });

  function placed(text: string): string {
    return places.reduce((placed, [there, here]) => placed.replaceAll(there, here), text);
  }

  function environment(service: ComposeService): NodeJS.ProcessEnv {
    const own = Object.entries(environmentOf(service, SECRETS)).map(([name, value]) => [name, placed(value)]);
    return {
      ...ownMark(),
      PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
      HOME: folder,
      PANIC_TDA_DATA: data,
      ...Object.fromEntries(own),
    };
  }

  /**
   * The command line of a service of our own image: its ENTRYPOINT, with this Node and this build, then its
   * command.
   */
  function words(name: string): string[] {
    const { command = [] } = services[name]!;
    const entry = readDockerfile()
      .find((stage) => stage.name === services[name]!.build!.target)!
      .instructions.find((instruction) => instruction.name === 'ENTRYPOINT')!;
    expect(JSON.parse(entry.words)).toEqual(['node', '/app/bin/panic-tda.mjs']);
    const port = ports.get(name);
    return [
      repositoryPath('bin/panic-tda.mjs'),
      ...command.map((word) => (word === '9464' ? String(port) : placed(word))),
    ];
  }

  function start(name: string, command: string, args: readonly string[]): void {
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: environment(services[name]!),
    });
    running.set(name, child);
  }

  /** The arguments for Node of the health check of one of our containers. */
  function healthCheck(name: string): string[] {
    const [kind, command = '', ...args] = services[name]!.healthcheck!.test;
    expect([kind, command]).toEqual(['CMD', 'node']);
    return args.map((word) => word.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${ports.get(name)}`));
  }

  /**
   * Resolves when the program of a container answers at the address of its health check, which a test then runs
   * once.
   */
  async function answers(name: string): Promise<void> {
    const [url] = /http:[^']+/.exec(healthCheck(name).join(' ')) ?? [];
    if (url === undefined) throw new Error(`the health check of ${name} has no address`);
    const answer = async (): Promise<boolean> =>
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(`${name} answers`, answer);
  }

  function healthy(name: string): boolean {
    return run(process.execPath, healthCheck(name), environment(services[name]!)).status === 0;
  }

  /** Runs the health check while this process goes on answering. */
  async function healthyMeanwhile(name: string): Promise<boolean> {
    const check = spawn(process.execPath, healthCheck(name), {
      stdio: 'ignore',
      env: environment(services[name]!),
    });
    return (await exitCode(check)) === 0;
  }

  test('postgres-roles.sh makes roles and databases that are closed to each other', async () => {
    const script = services['postgres']!.volumes!.find((mount) => mount.endsWith('/roles.sh:ro'))!.split(
      ':',
    )[0]!;
    const { hostname, port, username, password } = new URL(postgresUrl('postgres'));
    const { status, output } = run('sh', [fileURLToPath(new URL(script, ROOT))], {
      ...environment(services['postgres']!),
      POSTGRES_USER: username,
      PGHOST: hostname,
      PGPORT: port,
      PGPASSWORD: decodeURIComponent(password),
    });
    expect(output).toBe('');
    expect(status).toBe(0);
    const { rows } = await asSuperuser(postgresUrl('postgres'), (client) =>
      client.query<{ name: string; owner: string }>(
        `select datname as name, pg_get_userbyid(datdba) as owner from pg_database
         where datname like 'temporal%' or datname = 'panic_tda' order by 1`,
      ),
    );
    expect(rows).toEqual([
      { name: 'panic_tda', owner: 'panic_tda_owner' },
      { name: 'temporal', owner: 'temporal' },
      { name: 'temporal_visibility', owner: 'temporal' },
    ]);
  });

  test('a role reaches its own databases only, and is no superuser', async () => {
    const { rows } = await asSuperuser(postgresUrl('postgres'), (client) =>
      client.query<{ role: string; database: string }>(
        `select rolname as role, datname as database from pg_roles, pg_database
         where rolname in ('temporal', 'panic_tda_owner', 'panic_tda_app')
           and (datname in ('postgres', 'template1', 'panic_tda') or datname like 'temporal%')
           and (has_database_privilege(rolname, datname, 'connect') or rolsuper or rolcreatedb or rolcreaterole or rolreplication)
         order by 1, 2`,
      ),
    );
    expect(rows.map(({ role, database }) => `${role}: ${database}`)).toEqual([
      'panic_tda_app: panic_tda',
      'panic_tda_owner: panic_tda',
      'temporal: temporal',
      'temporal: temporal_visibility',
    ]);
  });

  test('the bucket is made, and the S3 service is healthy', async () => {
    const [shell = '', flag = '', script = ''] = services['objects-bucket']!.entrypoint!;
    mkdirSync(join(folder, 'objects'));
    // Only root can give a folder to another owner.
    const own = script
      .replace('chown -R 1000:1000 /data', 'true')
      .replaceAll('/data/', join(folder, 'objects', '/'));
    expect(run(shell, [flag, own], process.env)).toEqual({ status: 0, output: '' });
    start('objects', 'path' in s3 ? s3.path : '', services['objects']!.command!.map(placed));
    // Its health check is wget with this URL, and not every machine has wget.
    const url = services['objects']!.healthcheck!.test.at(-1)!.replace(
      '127.0.0.1:7070',
      `127.0.0.1:${ports.get('objects')}`,
    );
    expect(url).toMatch(/^http:.*\/health$/);
    await until('the S3 service is healthy', () =>
      fetch(url).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  });

  test('objects-account.mjs makes the account of the workers, and may run again', () => {
    const service = services['objects-account']!;
    const [node, script = ''] = service.entrypoint!;
    expect(node).toBe('node');
    for (const time of ['first', 'second']) {
      const { status, output } = run(process.execPath, [placed(script)], environment(service));
      expect([time, status, output]).toEqual([time, 0, '']);
    }
  });

  /** A client of the S3 service with the keys of a service of ours, or of the root account. */
  async function s3Client(access: string, secret: string) {
    quietAwsSdk();
    const { S3Client } = await import('@aws-sdk/client-s3');
    const { AWS_ENDPOINT_URL_S3: endpoint = '', AWS_REGION: region = '' } = environment(
      services['worker-cpu']!,
    );
    const credentials = { accessKeyId: access, secretAccessKey: secret };
    return new S3Client({ endpoint, region, forcePathStyle: true, maxAttempts: 1, credentials });
  }

  test('the account of the workers reads, writes, lists and deletes in the bucket, and can do nothing else', async () => {
    const sdk = await import('@aws-sdk/client-s3');
    const root = await s3Client(SECRETS.S3_ROOT_ACCESS_KEY, SECRETS.S3_ROOT_SECRET_KEY);
    await root.send(new sdk.CreateBucketCommand({ Bucket: 'of-others' }));
    await root.send(new sdk.PutObjectCommand({ Bucket: 'of-others', Key: 'secret', Body: 'text' }));
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = environment(services['worker-cpu']!);
    const worker = await s3Client(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY);
    const own = { Bucket: 'panic-tda', Key: 'probe' };
    await worker.send(new sdk.PutObjectCommand({ ...own, Body: 'text' }));
    const { Body } = await worker.send(new sdk.GetObjectCommand(own));
    expect(await Body?.transformToString()).toBe('text');
    const { Contents } = await worker.send(new sdk.ListObjectsV2Command({ Bucket: own.Bucket }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(['probe']);

    const others = { Bucket: 'of-others', Key: 'secret' };
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: 'arn:aws:s3:::panic-tda/*' }],
    });
    const attacks: Readonly<Record<string, () => Promise<unknown>>> = {
      'reads of others': () => worker.send(new sdk.GetObjectCommand(others)),
      'copies from others': () =>
        worker.send(new sdk.CopyObjectCommand({ ...own, CopySource: 'of-others/secret' })),
      'lists others': () => worker.send(new sdk.ListObjectsV2Command({ Bucket: 'of-others' })),
      'writes to others': () => worker.send(new sdk.PutObjectCommand({ ...others, Body: 'mine' })),
      'deletes of others': () => worker.send(new sdk.DeleteObjectCommand(others)),
      'makes a bucket': () => worker.send(new sdk.CreateBucketCommand({ Bucket: 'mine' })),
      'deletes its bucket': () => worker.send(new sdk.DeleteBucketCommand({ Bucket: own.Bucket })),
      'changes the policy': () => worker.send(new sdk.PutBucketPolicyCommand({ Bucket: own.Bucket, Policy })),
      'deletes the policy': () => worker.send(new sdk.DeleteBucketPolicyCommand({ Bucket: own.Bucket })),
      'opens the bucket': () =>
        worker.send(new sdk.PutBucketAclCommand({ Bucket: own.Bucket, ACL: 'public-read' })),
    };
    for (const [attack, attempt] of Object.entries(attacks)) {
      const status = await attempt().then(
        () => 'succeeded',
        (error: { $metadata?: { httpStatusCode?: number } }) => error.$metadata?.httpStatusCode ?? error,
      );
      expect([attack, status]).toEqual([attack, 403]);
    }
    const above = { ...own, Key: '../of-others/secret' };
    await expect(worker.send(new sdk.GetObjectCommand(above))).rejects.toThrow();
    const { Buckets } = await worker.send(new sdk.ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name) ?? []).not.toContain('of-others');
    const read = await root.send(new sdk.GetObjectCommand(others));
    expect(await read.Body?.transformToString()).toBe('text');
    await worker.send(new sdk.DeleteObjectCommand(own));
    root.destroy();
    worker.destroy();
  });

  test('the account of the workers makes no accounts, and the port of the bucket takes no such request from any account', async () => {
    const service = services['objects-account']!;
    const script = placed(service.entrypoint![1]!);
    const own = environment(service);
    const asWorker = {
      ...own,
      ROOT_ACCESS_KEY_ID: own['WORKER_ACCESS_KEY_ID'],
      ROOT_SECRET_ACCESS_KEY: own['WORKER_SECRET_ACCESS_KEY'],
      WORKER_ACCESS_KEY_ID: 'another',
    };
    expect(run(process.execPath, [script], asWorker)).toEqual({
      status: 1,
      output: expect.stringContaining('PATCH /create-user was answered with 403'),
    });
    const published = { ...own, ADMIN_ENDPOINT_URL: own['AWS_ENDPOINT_URL_S3'] };
    expect(run(process.execPath, [script], published)).toEqual({
      status: 1,
      output: expect.stringContaining('PATCH /create-user was answered with 405'),
    });
  });

  test('temporal-namespace.sh makes the namespace with its retention and search attributes, and may run again', async () => {
    const service = services['temporal-namespace']!;
    const [shell = '', script = ''] = service.entrypoint!;
    for (const time of ['first', 'second']) {
      const { status, output } = run(shell, [placed(script)], environment(service));
      expect([time, status, status === 0 ? '' : output]).toEqual([time, 0, '']);
    }
    const { client, close } = await connectClient('panic-tda');
    const found = await client.workflowService.describeNamespace({ namespace: 'panic-tda' });
    expect(Number(found.config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 3600);
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
      namespace: 'panic-tda',
    });
    expect(Object.keys(customAttributes ?? {})).toEqual(
      expect.arrayContaining(['PanicTdaExperiment', 'PanicTdaNetwork', 'PanicTdaStatus']),
    );
    await close();
  });

  test("temporal-schema.sh makes Temporal's tables by their owner, and may run again", async () => {
    if (temporalSqlTool === null) {
      process.stderr.write(
        'skipped: temporal-schema.sh: "npm run hosts" builds temporal-sql-tool, and has not run here\n',
      );
      return;
    }
    const service = services['temporal-schema']!;
    const [shell = '', script = ''] = service.entrypoint!;
    const { hostname, port } = new URL(postgresUrl('postgres'));
    for (const time of ['first', 'second']) {
      const env = { ...environment(service), SQL_HOST: hostname, SQL_PORT: port };
      const { status, output } = run(shell, [placed(script)], env);
      expect([time, status, status === 0 ? '' : output]).toEqual([time, 0, '']);
    }
    const { rows } = await asSuperuser(postgresUrl('temporal'), (client) =>
      client.query<{ owner: string }>(
        `select tableowner as owner from pg_tables where tablename = 'executions'`,
      ),
    );
    expect(rows).toEqual([{ owner: 'temporal' }]);
  });

  test('the job "database" makes our tables, and may run again', () => {
    for (const time of ['first', 'second']) {
      const { status, output } = run(process.execPath, words('database'), environment(services['database']!));
      expect([time, status, status === 0 ? '' : output]).toEqual([time, 0, '']);
    }
  });

  test.each([
    'create table mine (id integer)',
    'create temporary table mine (id integer)',
    'create schema mine',
    'drop table runs',
    'alter table runs add column mine integer',
    'truncate runs',
    'delete from __drizzle_migrations',
    'create function mine() returns integer language sql as $$ select 1 $$',
    'set role panic_tda_owner',
    'set session authorization temporal',
    "copy runs to program 'cat'",
    "select pg_read_file('/etc/passwd')",
  ])("the workers' role cannot: %s", async (statement) => {
    const { PANIC_TDA_DATABASE = '', PGPASSWORD = '' } = environment(services['worker-cpu']!);
    const url = new URL(PANIC_TDA_DATABASE);
    const client = new Client({
      host: url.hostname,
      port: Number(url.port),
      user: url.username,
      database: url.pathname.slice(1),
      password: PGPASSWORD,
    });
    await client.connect();
    try {
      // 42501: insufficient_privilege.
      await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.end();
    }
  });

  test.each(['worker-cpu', 'worker-gpu'])('%s becomes healthy', async (name) => {
    start(name, process.execPath, words(name));
    expect(healthy(name)).toBe(false);
    await answers(name);
    expect(healthy(name)).toBe(true);
  });

  test('web-ui becomes healthy, shows the web UI to its published names, and to no other', async () => {
    start('web-ui', process.execPath, words('web-ui'));
    await answers('web-ui');
    expect(healthy('web-ui')).toBe(true);
    const url = `http://127.0.0.1:${ports.get('web-ui')}/api/v1/namespaces/panic-tda`;
    const asked = async (host: string) => await httpRequest(url, { headers: { host } });
    for (const host of ['127.0.0.1:8080', 'localhost:8080']) {
      expect(await asked(host)).toMatchObject({ status: 200, body: expect.stringContaining('"panic-tda"') });
    }
    expect((await asked('evil.example:8080')).status).toBe(403);
    const child = running.get('web-ui')!;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('metrics-ui becomes healthy when Prometheus is, shows it to its published names, and to no other', async () => {
    // Prometheus is in no package registry. A server that answers its health check replaces it.
    const standIn = createServer(({ url }, response) =>
      response.writeHead(url === '/-/healthy' ? 200 : 404).end('Prometheus'),
    );
    try {
      start('metrics-ui', process.execPath, words('metrics-ui'));
      const url = `http://127.0.0.1:${ports.get('metrics-ui')}/-/healthy`;
      const asked = async (host: string) => await httpRequest(url, { headers: { host } });
      await until('metrics-ui listens', () => asked('localhost:9090').then(Boolean, () => false));
      expect(healthy('metrics-ui')).toBe(false);
      await once(standIn.listen(ports.get('prometheus'), '127.0.0.1'), 'listening');
      await answers('metrics-ui');
      expect(await healthyMeanwhile('metrics-ui')).toBe(true);
      for (const host of ['127.0.0.1:9090', 'localhost:9090']) {
        expect(await asked(host)).toMatchObject({ status: 200, body: 'Prometheus' });
      }
      expect((await asked('evil.example:9090')).status).toBe(403);
    } finally {
      standIn.close();
    }
    const child = running.get('metrics-ui')!;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('only the metrics of a worker are handed on', async () => {
    const service = services['metrics-worker-cpu']!;
    const [node, script = ''] = service.entrypoint!;
    expect(node).toBe('node');
    // In the container both share a network: the address and port at which the worker answers.
    const own = { WORKER_PORT: String(ports.get('worker-cpu')), METRICS_PORT: String(ports.get('metrics')) };
    const child = spawn(process.execPath, [placed(script)], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...environment(service), ...own },
    });
    running.set('metrics-worker-cpu', child);
    const [, command = '', ...args] = service.healthcheck!.test;
    expect(command).toBe('node');
    const there = args.map((word) => word.replace('127.0.0.1:9465', `127.0.0.1:${ports.get('metrics')}`));
    await until('the metrics are healthy', () => run(process.execPath, there, process.env).status === 0);
    const url = `http://127.0.0.1:${ports.get('metrics')}`;
    // Prometheus asks by this name, which the worker itself refuses.
    const headers = { host: 'worker-cpu:9465' };
    expect(await httpRequest(`${url}/metrics`, { headers })).toMatchObject({
      status: 200,
      body: expect.stringContaining('# TYPE '),
    });
    const direct = `http://127.0.0.1:${ports.get('worker-cpu')}/metrics`;
    expect((await httpRequest(direct, { headers })).status).toBe(403);
    for (const path of ['/ready', '/health', '/', '/metrics/../ready', '/metrics?a=b']) {
      expect([path, (await httpRequest(`${url}${path}`, { headers })).status]).toEqual([path, 404]);
    }
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('the two workers carry an experiment to its end, with its pictures in the bucket', async () => {
    const { client, close } = await connectClient('panic-tda');
    const result = await client.workflow.execute<typeof workflow>('experiment', {
      taskQueue: 'panic-tda',
      workflowId: 'by-compose',
      args: [SMALL_EXPERIMENT],
    });
    await close();
    expect(result).toMatchObject({ status: 'completed', failed: 0 });
    const { rows } = await asSuperuser(postgresUrl('panic_tda'), (client) =>
      client.query<{ pictures: string }>(
        `select count(*) as pictures from artifacts where modality = 'image'`,
      ),
    );
    const stored = readdirSync(join(folder, 'objects', 'buckets', 'panic-tda'), {
      recursive: true,
      withFileTypes: true,
    });
    expect(Number(rows[0]!.pictures)).toBeGreaterThan(0);
    expect(stored.filter(({ name }) => /^[0-9a-f]{64}$/.test(name))).toHaveLength(Number(rows[0]!.pictures));
  });

  test.each(['worker-cpu', 'worker-gpu'])(
    '%s gives its work back in the time that its container has',
    async (name) => {
      const { command = [], stop_grace_period = '' } = services[name]!;
      const drainSeconds = Number(command[command.indexOf('--drain-seconds') + 1]);
      expect(Number(/^(\d+)s$/.exec(stop_grace_period)?.[1])).toBeGreaterThan(drainSeconds);
      const child = running.get(name)!;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      // 1 would mean that it was not in time.
      expect(await ended).toEqual([0, null]);
    },
  );
});
