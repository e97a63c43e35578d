import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../bench/common/embedded-postgres.js';
import { describeDummy, paintDummy } from '../../models/dummy.js';
import { dummyConfig, storeOutputs } from '../support/stored-run.js';
import { makeBucket, s3Program, startS3Server, type S3Server } from '../support/s3-server.js';
import { asSuperuser } from '../support/suite-postgres.js';
import { repositoryPath } from '../support/child-processes.js';
import { environmentOf, readComposeFile, ROOT, type ComposeService } from './compose-file.js';

/**
 * Runs the backup and the restore of docker-compose.yml as processes, with a real Postgres and a real S3
 * service.
 */

const { services } = readComposeFile();
const SECRETS = {
  POSTGRES_PASSWORD: '',
  TEMPORAL_DB_PASSWORD: 'temporals',
  PANIC_TDA_OWNER_PASSWORD: 'the owner:1',
  PANIC_TDA_APP_PASSWORD: 'the\\workers@2',
  S3_WORKER_ACCESS_KEY: '',
  S3_WORKER_SECRET_KEY: '',
};

/**
 * pg_dump refuses a newer server, so this test uses the server of pg_dump's package, and not that of the
 * other tests.
 */
function ownServer(): { readonly initdb: string; readonly postgres: string } | string {
  const version = /\) (\d+)/.exec(
    spawnSync('pg_dump', ['--version'], { encoding: 'utf8' }).stdout ?? '',
  )?.[1];
  if (version === undefined) return 'pg_dump is not on PATH';
  const folder = `/usr/lib/postgresql/${version}/bin`;
  if (!existsSync(join(folder, 'postgres'))) return `the Postgres ${version} of pg_dump is not in ${folder}`;
  return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
}

const programs = ownServer();
const s3 = await s3Program();
const missing = [
  ...(typeof programs === 'string' ? [programs] : []),
  ...('missing' in s3 ? [s3.missing] : []),
];
if (missing.length > 0)
  process.stderr.write(`skipped: the backup of docker-compose.yml: ${missing.join('; ')}\n`);

(missing.length === 0 ? describe : describe.skip)('backup and restore, as processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-backup-'));
  const backup = join(folder, 'backup');
  let postgres: EmbeddedPostgres;
  let objects: S3Server;

  beforeAll(async () => {
    const postgresFolder = mkdtempSync(join(tmpdir(), 'panic-tda-postgres-'));
    if (typeof programs !== 'string') {
      const { command = [] } = services['postgres']!;
      const settings = command.filter((_word, index) => command[index - 1] === '-c');
      postgres = await startEmbeddedPostgres(postgresFolder, { programs, settings });
    }
    if ('path' in s3) objects = await startS3Server(s3.path);
    await makeBucket(objects, 'panic-tda');
    // The job backup-folder makes these, and gives them to the users of the two other jobs.
    for (const part of ['database', 'objects']) mkdirSync(join(backup, part), { recursive: true });
  });
  afterAll(async () => {
    await postgres.stop();
    await objects.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function environment(service: ComposeService): NodeJS.ProcessEnv {
    const { hostname, port } = new URL(postgres.url('postgres'));
    const own = Object.entries(environmentOf(service, SECRETS)).map(([name, value]) => [
      name,
      value.replace('postgres:5432', `${hostname}:${port}`).replace(/^\/backup/, backup),
    ]);
    return {
      ...process.env,
      ...Object.fromEntries(own),
      ...objects.environment,
      PGHOST: hostname,
      PGPORT: port,
      PANIC_TDA_DATA: join(folder, 'data'),
      PANIC_TDA_TEST_MODELS: '1',
      TEMPORAL_ADDRESS: undefined,
      TEMPORAL_NAMESPACE: undefined,
      ...(service.environment?.['PGUSER'] === 'postgres'
        ? { PGPASSWORD: decodeURIComponent(new URL(postgres.url('postgres')).password) }
        : {}),
    };
  }

  function run(name: string, words: readonly string[] = [], change: NodeJS.ProcessEnv = {}) {
    const service = services[name]!;
    const { entrypoint, command = [] } = service;
    const placed = [...(entrypoint ?? [repositoryPath('bin/panic-tda.mjs'), ...command]), ...words].map(
      (word) =>
        word.replace('/compose/', fileURLToPath(new URL('compose/', ROOT))).replace(/^\/backup/, backup),
    );
    const [program = '', ...args] = entrypoint === undefined ? [process.execPath, ...placed] : placed;
    const { status, stdout, stderr } = spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...environment(service), ...change },
    });
    return { status, output: `${stdout}${stderr}` };
  }

  /** Runs a command of ours with the rights of a worker. */
  function panicTda(...words: string[]) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [repositoryPath('bin/panic-tda.mjs'), ...words],
      {
        encoding: 'utf8',
        env: environment(services['worker-cpu']!),
      },
    );
    expect([words, status, status === 0 ? '' : `${stdout}${stderr}`]).toEqual([words, 0, '']);
    return stdout;
  }

  const done = { status: 0, output: expect.any(String) };
  const dumps = (): string[] => readdirSync(join(backup, 'database')).toSorted();
  const counted = async (): Promise<unknown> =>
    await asSuperuser(postgres.url('panic_tda'), async (client) => {
      const { rows } = await client.query(
        'select (select count(*) from invocations) as steps, (select count(*) from artifacts) as artifacts',
      );
      return rows[0];
    });

  test('the settings of the server are those of its command', async () => {
    const { rows } = await asSuperuser(postgres.url('postgres'), (client) =>
      client.query<{ name: string; setting: string }>(
        `select name, setting from pg_settings where name = 'max_connections' or name like 'tcp_keepalives%' order by 1`,
      ),
    );
    const words = services['postgres']!.command!;
    expect(words[0]).toBe('postgres');
    expect(rows.map(({ name, setting }) => `${name}=${setting}`)).toEqual(
      words.filter((word) => word.includes('=')).toSorted(),
    );
  });

  test('rows and pictures of a fleet', async () => {
    const roles = services['postgres']!.volumes!.find((mount) => mount.endsWith('/roles.sh:ro'))!.split(
      ':',
    )[0]!;
    const superuser = decodeURIComponent(new URL(postgres.url('postgres')).password);
    const made = spawnSync('sh', [fileURLToPath(new URL(roles, ROOT))], {
      env: {
        ...environment(services['postgres']!),
        ...SECRETS,
        POSTGRES_USER: 'postgres',
        PGPASSWORD: superuser,
      },
    });
    expect(made.status).toBe(0);
    expect(run('database')).toEqual(done);
    const config = { ...dummyConfig, max_length: 4 };
    const host = { runtime: 'typescript', runtimeVersion: 'v1', device: 'cpu', dtype: 'float64', files: {} };
    const first = paintDummy({ modality: 'text', text: 'a red fox' }, 3);
    const caption = describeDummy(first, 3);
    const outputs = [first, caption, paintDummy(caption, 3)];
    await (await storeOutputs(join(folder, 'source'), config, host, outputs)).close();
    panicTda('merge', join(folder, 'source'));
    expect(await counted()).toEqual({ steps: '3', artifacts: '4' });
  });

  test('a backup has both, and the next one adds what is new', async () => {
    expect(run('backup-database')).toEqual(done);
    expect(run('backup')).toEqual({ status: 0, output: expect.stringContaining('2 objects: 2 copied') });
    expect(dumps()).toEqual([expect.stringMatching(/^panic_tda-\d{8}T\d{6}Z\.dump$/)]);
    expect(run('backup').output).toContain('2 objects: 0 copied, 2 there already');
  });

  test('it keeps the number of dumps in BACKUP_KEEP, and refuses an invalid number', () => {
    const [first] = dumps();
    for (const day of ['01', '02', '03']) {
      writeFileSync(join(backup, 'database', `panic_tda-202001${day}T000000Z.dump`), '');
    }
    writeFileSync(join(backup, 'database', 'of-the-user.dump'), '');
    // An incomplete dump leaves no file, and a dump of the same second is not overwritten.
    rmSync(join(backup, 'database', first!));
    expect(run('backup-database', [], { BACKUP_KEEP: '2' })).toEqual(done);
    expect(dumps()).toEqual([
      'of-the-user.dump',
      'panic_tda-20200103T000000Z.dump',
      expect.stringMatching(/^panic_tda-20[2-9]\d(?!0103T000000Z)\d{4}T\d{6}Z\.dump$/),
    ]);
    const refused = { status: 2, output: expect.stringContaining('expected a number from 1 on') };
    for (const keep of ['0', '', 'all'])
      expect(run('backup-database', [], { BACKUP_KEEP: keep })).toEqual(refused);
  });

  test('a database that does not answer leaves no dump', () => {
    const before = dumps();
    expect(run('backup-database', [], { PGPASSWORD: 'another' }).status).not.toBe(0);
    expect(dumps()).toEqual(before);
  });

  test('lost rows and pictures are restored, and the earlier database stays beside them', async () => {
    const dump = dumps().at(-1)!;
    const own = postgres.url('panic_tda');
    await asSuperuser(own, (client) => client.query('drop table embeddings, invocations cascade'));
    rmSync(objects.file('panic-tda', ''), { recursive: true });
    await makeBucket(objects, 'panic-tda');

    expect(run('restore-database')).toEqual({ status: 2, output: expect.stringContaining(dump) });
    expect(run('restore-database', ['none.dump']).status).toBe(2);
    await asSuperuser(own, async () => {
      const refusal = expect.stringMatching(/^panic_tda is in use by .*stop them first/);
      expect(run('restore-database', [dump])).toEqual({ status: 1, output: refusal });
    });
    expect(run('restore-database', ['of-the-user.dump'])).toEqual({
      status: 1,
      output: expect.stringMatching(/could not be restored; panic_tda is as it was\n$/),
    });

    expect(run('restore-database', [dump])).toEqual(done);
    expect(run('restore-objects')).toEqual({
      status: 0,
      output: expect.stringContaining('2 objects: 2 copied'),
    });
    expect(run('database')).toEqual(done);
    panicTda('objects', 'use', '--take-over');
    expect(await counted()).toEqual({ steps: '3', artifacts: '4' });
    expect(JSON.parse(panicTda('doctor', '--deep', '--json'))).toMatchObject({ healthy: true });
    const databases = await asSuperuser(postgres.url('postgres'), (client) =>
      client.query<{ name: string; connects: boolean }>(
        `select datname as name, has_database_privilege('temporal', datname, 'connect') as connects
         from pg_database where datname like 'panic_tda%' order by 1`,
      ),
    );
    expect(databases.rows).toEqual([
      { name: 'panic_tda', connects: false },
      { name: expect.stringMatching(/^panic_tda_before_\d{8}T\d{6}Z$/), connects: false },
    ]);
  });
});
