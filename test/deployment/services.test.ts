import { ownMark } from '../support/own-mark.js';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExperimentResult } from '../../activities/index.js';
import { TEMPORAL_PROGRAMS } from '../../bench/hosts/programs.js';
import { freeLoopbackPorts } from '../../workers/free-ports.js';
import { findTemporalCli } from '../../workers/temporal-cli.js';
import { s3Program } from '../support/s3-server.js';
import { asSuperuser, suitePostgres } from '../support/suite-postgres.js';
import { connectClient, suiteAddress } from '../support/suite-server.js';
import { repositoryPath, until } from '../workers/child-processes.js';
import { environmentOf, readComposeFile, ROOT, type ComposeService } from './compose-file.js';
import { readDockerfile } from './dockerfile.js';

/** What docker-compose.yml says of our own services and jobs, run as processes against real servers. */

jest.setTimeout(300_000);

const SECRETS = {
  POSTGRES_PASSWORD: 'not asked for here',
  // Temporal's own tool does not quote it.
  TEMPORAL_DB_PASSWORD: 'temporals',
  PANIC_TDA_OWNER_PASSWORD: 'the owner:1',
  PANIC_TDA_APP_PASSWORD: 'the\\workers@2',
  S3_ACCESS_KEY: 'compose-tests',
  S3_SECRET_KEY: 'a secret of the tests',
};

const SMALL_EXPERIMENT = {
  networks: [['ProceduralPainter', 'ProceduralDescriber']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [1],
  embedding_models: ['HashedNgram'],
  max_length: 20,
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
  /** What stands in a container's network or file system, and where that is here. */
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
    const free = await freeLoopbackPorts('objects', 'worker-cpu', 'worker-gpu');
    for (const [name, port] of Object.entries(free)) ports.set(name, port);
    const database = new URL(postgresUrl('postgres'));
    places = [
      ['postgres:5432', database.host],
      ['temporal:7233', suiteAddress()],
      ['http://objects:7070', `http://127.0.0.1:${ports.get('objects')}`],
      [':7070', `127.0.0.1:${ports.get('objects')}`],
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

  /** The words of a service of our own image: its ENTRYPOINT, with this Node and this build, then its command. */
  function words(name: string): string[] {
    const { command = [] } = services[name]!;
    const entry = readDockerfile()
      .find((stage) => stage.name === services[name]!.build!.target)!
      .instructions.find((instruction) => instruction.name === 'ENTRYPOINT')!;
    expect(JSON.parse(entry.words)).toEqual(['node', '/app/bin/panic-tda.mjs']);
    const port = ports.get(name);
    return [
      repositoryPath('bin/panic-tda.mjs'),
      ...command.map((word) => (word === '9464' ? String(port) : word)),
    ];
  }

  function start(name: string, command: string, args: readonly string[]): void {
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: environment(services[name]!),
    });
    running.set(name, child);
  }

  /** Runs the health check of one of our containers. */
  function healthy(name: string): boolean {
    const [kind, command = '', ...args] = services[name]!.healthcheck!.test;
    expect([kind, command]).toEqual(['CMD', 'node']);
    const there = args.map((word) => word.replaceAll('127.0.0.1:9464', `127.0.0.1:${ports.get(name)}`));
    return run(process.execPath, there, environment(services[name]!)).status === 0;
  }

  test('postgres-roles.sh makes roles and databases that keep to themselves', async () => {
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

  test('the bucket is made, and the S3 service is healthy', async () => {
    const [shell = '', flag = '', script = ''] = services['objects-bucket']!.entrypoint!;
    mkdirSync(join(folder, 'objects'));
    // Another owner than its caller only root can give.
    const own = script
      .replace('chown -R 1000:1000 /data', 'true')
      .replaceAll('/data/', join(folder, 'objects', '/'));
    expect(run(shell, [flag, own], process.env)).toEqual({ status: 0, output: '' });
    start('objects', 'path' in s3 ? s3.path : '', services['objects']!.command!.map(placed));
    // Its health check is wget, which is not on every machine, with this URL.
    const url = services['objects']!.healthcheck!.test.at(-1)!.replace(
      '127.0.0.1:7070',
      `127.0.0.1:${ports.get('objects')}`,
    );
    expect(url).toMatch(/^http:.*\/health$/);
    await until(
      'the S3 service is healthy',
      () =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      60_000,
    );
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

  test.each(['worker-cpu', 'worker-gpu'])('%s becomes healthy', async (name) => {
    start(name, process.execPath, words(name));
    expect(healthy(name)).toBe(false);
    await until(`${name} is healthy`, () => healthy(name), 120_000);
  });

  test('the two workers carry an experiment to its end, with its pictures in the bucket', async () => {
    const { client, close } = await connectClient('panic-tda');
    const result = (await client.workflow.execute('experiment', {
      taskQueue: 'panic-tda',
      workflowId: 'by-compose',
      args: [SMALL_EXPERIMENT],
    })) as ExperimentResult;
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
    '%s gives everything back in the time that its container has',
    async (name) => {
      const { command = [], stop_grace_period = '' } = services[name]!;
      const drainSeconds = Number(command[command.indexOf('--drain-seconds') + 1]);
      expect(Number(/^(\d+)s$/.exec(stop_grace_period)?.[1])).toBeGreaterThan(drainSeconds);
      const child = running.get(name)!;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      // 1 would be: not in time.
      expect(await ended).toEqual([0, null]);
    },
  );
});
