import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { PASSWORD, PostgresMissing, startEmbeddedPostgres } from '../../../bench/common/embedded-postgres.js';
import type { EmbeddedPostgres } from '../../../bench/common/embedded-postgres.js';
import { connectStore, connectStoreReadonly, setUpDatabase, tablesOnServer } from '../../../db/index.js';
import type { Store } from '../../../db/index.js';
import { asSuperuser, createDatabase } from '../../support/suite-postgres.js';
import { experimentId } from '../../../experiment/ids.js';
import { config, finishExperiment, NOW, rejection, step } from '../../support/small-experiment.js';

// These tests have a server of their own, because they change its certificate and its rules of access, and kill it.
let folder: string;
let server: EmbeddedPostgres | null = null;
let missing = '';
const stores: Store[] = [];
const NOBODY_ID = 65_534;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'panic-tda-access-'));
  // The server runs as another user where root runs the tests.
  chmodSync(folder, 0o755);
  try {
    server = await startEmbeddedPostgres(join(folder, 'server'), { while: process.pid });
  } catch (error) {
    if (!(error instanceof PostgresMissing)) throw error;
    missing = error.message;
  }
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A test that needs the server. If none can run here, a skipped test says so. */
function onServer(title: string, run: (running: EmbeddedPostgres) => Promise<void>): void {
  test(title, async () => {
    if (server === null) process.stderr.write(`skipped, Postgres cannot run here: ${missing}\n`);
    else await run(server);
  });
}

function place(url: string) {
  return { folder: join(folder, 'data'), database: { url, poolSize: 3 } };
}

async function open(url: string): Promise<Store> {
  const store = await connectStore(place(url));
  stores.push(store);
  return store;
}

async function experimentsAt(url: string): Promise<readonly string[] | null> {
  const store = await connectStoreReadonly(place(url));
  if (store === null) return null;
  try {
    return (await store.experiments.list()).map(({ id }) => id);
  } finally {
    await store.close();
  }
}

async function asRoot(running: EmbeddedPostgres, database: string, ...statements: readonly string[]) {
  await asSuperuser(running.url(database), async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

let made = 0;

/** A database with an owner and a worker, each with a role of its own. */
async function laboratory(running: EmbeddedPostgres) {
  const name = await createDatabase((database) => running.url(database));
  const [owner, worker] = [`owner_${++made}`, `worker_${made}`];
  await asRoot(
    running,
    name,
    ...[owner, worker].map((role) => `create role ${role} login password '${PASSWORD}'`),
    `alter database ${name} owner to ${owner}`,
    `alter schema public owner to ${owner}`,
  );
  return { name, owner, worker, ownerUrl: running.url(name, owner), workerUrl: running.url(name, worker) };
}

async function schemasWithTables(running: EmbeddedPostgres, database: string): Promise<string[]> {
  return await asSuperuser(running.url(database), async (client) => {
    const { rows } = await client.query<{ schema: string }>(
      `select schemaname as schema from pg_tables where tablename = 'runs' order by 1`,
    );
    return rows.map(({ schema }) => schema);
  });
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

describe('tables', () => {
  onServer(
    'are found where their owner made them, though the worker has a schema of its own name',
    async (running) => {
      const { name, owner, worker, ownerUrl, workerUrl } = await laboratory(running);
      await setUpDatabase(place(ownerUrl).database, [worker]);
      await asRoot(
        running,
        name,
        `create schema ${worker} authorization ${worker}`,
        `create table ${worker}.runs (x int)`,
      );
      const store = await open(workerUrl);
      const id = await finishExperiment(store, config);
      expect(await experimentsAt(ownerUrl)).toEqual([id]);
      expect(await experimentsAt(workerUrl)).toEqual([id]);
      expect(await schemasWithTables(running, name)).toEqual(['public', worker]);
      const snapshot = await store.db.snapshot();
      for await (const row of snapshot.rows<{ id: string }>('select id from experiments'))
        expect(row.id).toBe(id);
      await snapshot.close();
      expect(owner).not.toBe(worker);
    },
  );

  onServer('are found in a schema, and for a role, whose names are SQL', async (running) => {
    const { name, worker, ownerUrl } = await laboratory(running);
    const schema = `lab"; drop table runs; --`;
    const role = `${worker}"; drop schema public; --`;
    await asRoot(
      running,
      name,
      `create schema ${quoted(schema)} authorization ${new URL(ownerUrl).username}`,
      `create role ${quoted(role)} login password '${PASSWORD}'`,
      `alter role ${quoted(role)} set search_path = ${quoted(schema)}`,
      `alter role ${new URL(ownerUrl).username} set search_path = ${quoted(schema)}`,
    );
    await setUpDatabase(place(ownerUrl).database, [role]);
    const store = await open(running.url(name, role));
    const id = await finishExperiment(store, { ...config, max_length: 2 });
    expect(await experimentsAt(ownerUrl)).toEqual([id]);
    expect(await schemasWithTables(running, name)).toEqual([schema]);
    await expect(setUpDatabase(place(ownerUrl).database, [`none"; drop table runs; --`])).rejects.toThrow(
      /does not exist/,
    );
    expect(await experimentsAt(ownerUrl)).toEqual([id]);
  });

  onServer(
    'in a schema outside the search_path of the worker are named, and not made again',
    async (running) => {
      const { name, owner, worker, ownerUrl, workerUrl } = await laboratory(running);
      await asRoot(
        running,
        name,
        `create schema lab authorization ${owner}`,
        `alter role ${owner} set search_path = lab`,
      );
      await setUpDatabase(place(ownerUrl).database, [worker]);
      await asRoot(running, name, `grant all on schema public to ${worker}`);
      const told = {
        kind: 'InvalidInput',
        message: expect.stringMatching(
          new RegExp(
            `${name} on .* tables of panic-tda in the schema "lab", which the role "${worker}" does not look into .*alter role ${worker} set search_path = lab`,
          ),
        ),
      };
      await expect(open(workerUrl)).rejects.toMatchObject(told);
      await expect(experimentsAt(workerUrl)).rejects.toMatchObject(told);
      expect(await schemasWithTables(running, name)).toEqual(['lab']);
      // Try both ways that the message names.
      expect(await experimentsAt(`${workerUrl}?options=-c%20search_path%3Dlab`)).toEqual([]);
      await asRoot(running, name, `alter role ${worker} set search_path = lab`);
      expect(await experimentsAt(workerUrl)).toEqual([]);
    },
  );

  onServer('in a schema that the worker may not use are named', async (running) => {
    const { name, owner, worker, ownerUrl, workerUrl } = await laboratory(running);
    await setUpDatabase(place(ownerUrl).database, []);
    await asRoot(
      running,
      name,
      `revoke all on schema public from public`,
      `revoke all on schema public from ${worker}`,
    );
    for (const url of [workerUrl, `${workerUrl}?options=-c%20search_path%3Dpublic`]) {
      await expect(experimentsAt(url)).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringMatching(
          /in the schema "public", which the role "worker_\d+" may not use; "panic-tda setup database --app-role worker_\d+"/,
        ),
      });
    }
    expect(owner).toMatch(/owner/);
  });

  onServer('are made in another schema where the address names one', async (running) => {
    const { name, owner, ownerUrl } = await laboratory(running);
    await setUpDatabase(place(ownerUrl).database, []);
    await asRoot(running, name, `create schema second authorization ${owner}`);
    await setUpDatabase(place(`${ownerUrl}?options=-c%20search_path%3Dsecond`).database, []);
    expect(await schemasWithTables(running, name)).toEqual(['public', 'second']);
  });

  onServer(
    'are neither made nor looked for where the search_path is empty, which is said',
    async (running) => {
      const { name, owner, ownerUrl } = await laboratory(running);
      await asRoot(running, name, `alter role ${owner} set search_path = ''`);
      const told = {
        kind: 'InvalidInput',
        message: expect.stringMatching(new RegExp(`${name} on .*search_path of this user names no schema`)),
      };
      await expect(open(ownerUrl)).rejects.toMatchObject(told);
      await expect(experimentsAt(ownerUrl)).rejects.toMatchObject(told);
      const nowhere = `${ownerUrl}?options=-c%20search_path%3Dnowhere`;
      await expect(experimentsAt(nowhere)).rejects.toMatchObject(told);
    },
  );
});

describe('a role', () => {
  onServer(
    'that may only read looks at experiments, and gets a clear error when it writes',
    async (running) => {
      const { name, worker, ownerUrl, workerUrl } = await laboratory(running);
      const store = await open(ownerUrl);
      const id = experimentId(config);
      await store.experiments.plan(id, config, NOW);
      await asRoot(running, name, `grant select on all tables in schema public to ${worker}`);
      expect(await experimentsAt(workerUrl)).toEqual([id]);
      expect(await tablesOnServer(place(workerUrl).database)).toMatchObject({
        tables: store.db.tables,
        writers: [expect.stringMatching(new RegExp(`^panic-tda ${process.pid}@`))],
      });
      await expect(open(workerUrl)).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringMatching(
          new RegExp(
            `${name} on .*the role "${worker}" may not write to the table "\\w+"; "panic-tda setup database --app-role ${worker}"`,
          ),
        ),
      });
    },
  );

  onServer('that may read nothing gets an error that says so and names the database', async (running) => {
    const { name, ownerUrl, workerUrl } = await laboratory(running);
    const check = () => tablesOnServer(place(workerUrl).database);
    expect(await check()).toMatchObject({ tables: { applied: 0 }, writers: [] });
    await setUpDatabase(place(ownerUrl).database, []);
    const told = {
      kind: 'InvalidInput',
      message: expect.stringMatching(new RegExp(`${name} on .*no right to do this.*--app-role`)),
    };
    await expect(experimentsAt(workerUrl)).rejects.toMatchObject(told);
    await expect(check()).rejects.toMatchObject(told);
  });

  onServer(
    'whose transactions are read-only by default reads, and gets a clear error when it writes',
    async (running) => {
      const { name, owner, ownerUrl } = await laboratory(running);
      const id = experimentId(config);
      await (await open(ownerUrl)).experiments.plan(id, config, NOW);
      await asRoot(running, name, `alter role ${owner} set default_transaction_read_only = on`);
      expect(await experimentsAt(ownerUrl)).toEqual([id]);
      await expect(open(ownerUrl)).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringMatching(new RegExp(`${name} on .*lets the role "${owner}" read only`)),
      });
    },
  );
});

onServer('names with signs are those that were meant', async (running) => {
  const [role, database] = ['a%b#c+d é', 'lab 100% #1 + é?/x'];
  await asRoot(
    running,
    'postgres',
    `create role "${role}" login password 'p%40+#&'`,
    `create database "${database}" owner "${role}" template template0`,
  );
  const { port } = running;
  const url = `postgres://${encodeURIComponent(role)}:${encodeURIComponent('p%40+#&')}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const store = await open(url);
  expect(store.db.name).toBe(`${database} on 127.0.0.1:${port}`);
  const rows = await store.db.read(() =>
    store.db.rows<{ role: string; database: string }>(
      sql`select current_user as role, current_database() as database`,
    ),
  );
  expect(rows).toEqual([{ role, database }]);
});

onServer(
  'a connection to a server that is down fails with the database and host, without the password, and works again with the server',
  async (running) => {
    const url = running.url(await createDatabase((database) => running.url(database)));
    const store = await open(url);
    const id = experimentId(config);
    await store.experiments.plan(id, config, NOW);
    const run = await store.runs.get(id, 0);
    await step(store, run, 'stop');
    await running.stop('kill');
    const message = await rejection(step(store, run, 'stop'));
    expect(message).toMatch(/^the database test_\w+ on 127\.0\.0\.1:\d+ cannot be reached now: /);
    const closed = await rejection(connectStoreReadonly(place(url)));
    for (const text of [message, closed]) expect(text).not.toMatch(/secret/);
    await expect(connectStore(place(url))).rejects.toMatchObject({ kind: 'StoreUnavailable' });
    await running.start();
    await step(store, await store.runs.get(id, 0), 'stop');
    expect((await store.invocations.progress(run)).next.sequence).toBe(2);
  },
);

/** Makes a self-signed certificate for these names, at the place where the server and the tests find it. */
function certificate(
  name: string,
  alternative: string,
): { readonly certificate: string; readonly key: string } {
  const [key, file] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const words = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=${alternative}`;
  const { status, stderr } = spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', file], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  chmodSync(key, 0o600);
  if (process.getuid?.() === 0) for (const path of [key, file]) chownSync(path, NOBODY_ID, NOBODY_ID);
  return { certificate: file, key };
}

async function serve(
  running: EmbeddedPostgres,
  given: { readonly certificate: string; readonly key: string } | null,
) {
  const settings =
    given === null
      ? [`alter system set ssl = off`]
      : [
          `alter system set ssl_cert_file = '${given.certificate}'`,
          `alter system set ssl_key_file = '${given.key}'`,
          `alter system set ssl = on`,
        ];
  await asRoot(running, 'postgres', ...settings, 'select pg_reload_conf()');
  for (;;) {
    const shown = await asSuperuser(
      running.url('postgres'),
      async (client) => (await client.query<{ ssl: string }>('show ssl')).rows[0]!.ssl,
    );
    if (shown === (given === null ? 'off' : 'on')) return;
    await sleep(50);
  }
}

describe('sslmode', () => {
  const libpq = spawnSync('psql', ['--version']).status === 0;
  if (!libpq) process.stderr.write('left out: the comparison with libpq, since psql is not installed\n');

  /**
   * How a connection is: encrypted, plain, or refused for a reason; and what libpq says of the same address.
   */
  async function reached(url: string): Promise<string> {
    const own = await open(url).then(
      async (store) => {
        const [row] = await store.db.read(() =>
          store.db.rows<{ ssl: boolean }>(sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`),
        );
        return row!.ssl ? 'encrypted' : 'plain';
      },
      (error: Error) => `${error.name}: ${error.message}`,
    );
    if (libpq) {
      const { status, stdout } = spawnSync(
        'psql',
        [url, '-qAtX', '-c', 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'],
        {
          encoding: 'utf8',
          env: { PATH: process.env['PATH'] ?? '', HOME: folder },
        },
      );
      const theirs = status !== 0 ? 'refused' : stdout.trim() === 't' ? 'encrypted' : 'plain';
      expect([url, own.includes(':') ? 'refused' : own]).toEqual([url, theirs]);
    }
    return own;
  }

  const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

  onServer('means what it means to libpq, for a certificate that is signed by itself', async (running) => {
    const name = await createDatabase((database) => running.url(database));
    const base = running.url(name);
    await serve(running, certificate('itself', 'IP:127.0.0.1'));
    const untrusted = new RegExp(`InvalidInput: the database ${name} on .*is not trusted: sslrootcert names`);
    const wanted = ['plain', 'plain', 'encrypted', 'encrypted', untrusted, untrusted];
    for (const [k, mode] of MODES.entries())
      expect(await reached(`${base}?sslmode=${mode}`)).toMatch(wanted[k]!);
    expect(await reached(base)).toBe('encrypted');
    expect(await reached(`${base}?ssl=true`)).toBe('encrypted');
    const trusted = `sslrootcert=${encodeURIComponent(join(folder, 'itself.crt'))}`;
    for (const mode of ['require', 'verify-ca', 'verify-full']) {
      expect(await reached(`${base}?sslmode=${mode}&${trusted}`)).toBe('encrypted');
    }
    certificate('another', 'IP:127.0.0.1');
    const other = `sslrootcert=${encodeURIComponent(join(folder, 'another.crt'))}`;
    // If the user names an authority, `require` means verify-ca.
    for (const mode of ['require', 'verify-ca', 'verify-full']) {
      expect(await reached(`${base}?sslmode=${mode}&${other}`)).toMatch(untrusted);
    }
    expect(await reached(`${base}?sslmode=prefer&${other}`)).toBe('plain');
    await serve(running, certificate('elsewhere', 'DNS:elsewhere.example'));
    const named = `sslrootcert=${encodeURIComponent(join(folder, 'elsewhere.crt'))}`;
    expect(await reached(`${base}?sslmode=verify-ca&${named}`)).toBe('encrypted');
    expect(await reached(`${base}?sslmode=verify-full&${named}`)).toMatch(untrusted);
  });

  onServer('means what it means to libpq, for a server without TLS', async (running) => {
    const name = await createDatabase((database) => running.url(database));
    await serve(running, null);
    const none = new RegExp(`InvalidInput: the database ${name} on .*the server offers no encryption`);
    const wanted = ['plain', 'plain', 'plain', none];
    for (const [k, mode] of MODES.slice(0, 4).entries()) {
      expect(await reached(`${running.url(name)}?sslmode=${mode}`)).toMatch(wanted[k]!);
    }
    expect(await reached(running.url(name))).toBe('plain');
  });

  onServer('tries the other way where the server lets a user in by that alone', async (running) => {
    const { name, owner, worker } = await laboratory(running);
    await setUpDatabase(place(running.url(name, owner)).database, [worker]);
    await serve(running, certificate('both', 'IP:127.0.0.1'));
    const rules = join(folder, 'server', 'data', 'pg_hba.conf');
    const before = readFileSync(rules, 'utf8');
    writeFileSync(
      rules,
      `hostssl all ${owner} all scram-sha-256\nhostnossl all ${owner} all reject\nhostnossl all ${worker} all scram-sha-256\nhostssl all ${worker} all reject\n`,
    );
    appendFileSync(rules, before);
    await asRoot(running, 'postgres', 'select pg_reload_conf()');
    try {
      const refused = /InvalidInput: .*does not let this user in/;
      // Wait until the server has read the rules again.
      for (
        let k = 0;
        (await reached(`${running.url(name, owner)}?sslmode=disable`)) === 'plain' && k < 50;
        k++
      )
        await sleep(100);
      expect(await reached(`${running.url(name, owner)}?sslmode=disable`)).toMatch(refused);
      expect(await reached(`${running.url(name, owner)}?sslmode=allow`)).toBe('encrypted');
      expect(await reached(`${running.url(name, owner)}?sslmode=prefer`)).toBe('encrypted');
      expect(await reached(`${running.url(name, worker)}?sslmode=prefer`)).toBe('plain');
      expect(await reached(`${running.url(name, worker)}?sslmode=require`)).toMatch(refused);
    } finally {
      writeFileSync(rules, before);
      await asRoot(running, 'postgres', 'select pg_reload_conf()');
    }
  });
});
