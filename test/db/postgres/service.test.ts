import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getTableColumns, getTableName, is, sql } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { PASSWORD } from '../../../bench/common/embedded-postgres.js';
import {
  connectStore,
  connectStoreAlone,
  connectStoreReadonly,
  contentDigest,
  setUpDatabase,
} from '../../../db/index.js';
import { checkInvariants, mend, RepairPlan } from '../../../db/doctor/index.js';
import type { PostgresService, Store } from '../../../db/index.js';
import type { Repair } from '../../../db/doctor/index.js';
import * as schema from '../../../db/schema.js';
import { errorMessage } from '../../../common/errors.js';
import { experimentId } from '../../../experiment/ids.js';
import { asSuperuser, createDatabase, suitePostgres } from '../../support/suite-postgres.js';
import { meansOf } from '../patient.js';
import { dist, runModule } from '../../support/child-processes.js';
import {
  config,
  finishExperiment,
  finishRun,
  NOW,
  rejection,
  step,
  temporaryStore,
} from '../../support/small-experiment.js';
import { poolOf } from '../postgres-place.js';

const server = await suitePostgres();
let folder: string;
const stores: Store[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'panic-tda-service-'));
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  rmSync(folder, { recursive: true, force: true });
});

type UrlOf = (database: string) => string;

/** A test that needs a server. If none can run here, a skipped test says so. */
function onServer(title: string, run: (urlOf: UrlOf) => Promise<void>): void {
  if (server.available) test(title, () => run(server.urlOf));
  else test.skip(`${title} (Postgres cannot run here: ${server.reason})`, () => undefined);
}

/** Makes a role, which all databases of the suite's server have. */
async function newRole(database: PostgresService, name: string): Promise<string> {
  const role = `${name}_${process.pid}`;
  await asSuperuser(database.url, (client) =>
    client.query(`create role ${role} login password '${PASSWORD}'`),
  );
  return role;
}

/** The same database for a role. */
function as(role: string, { url, poolSize }: PostgresService): PostgresService {
  return { url: Object.assign(new URL(url), { username: role, password: PASSWORD }).href, poolSize };
}

async function newDatabase(urlOf: UrlOf, poolSize = 5): Promise<PostgresService> {
  return { url: urlOf(await createDatabase(urlOf)), poolSize };
}

async function open(database: PostgresService): Promise<Store> {
  const store = await connectStore({ folder: join(folder, 'data'), database });
  stores.push(store);
  return store;
}

describe('several writers', () => {
  onServer('of the same steps leave each step once, and all go on from it', async (urlOf) => {
    const database = await newDatabase(urlOf);
    const writers = await Promise.all([open(database), open(database), open(database)]);
    const id = experimentId(config);
    await Promise.all(writers.map((store) => store.experiments.plan(id, config, NOW)));
    expect(await writers[0].runs.list(id)).toHaveLength(4);
    const walks = writers.map(async (store) => {
      const run = await store.runs.get(id, 0);
      while ((await store.runs.get(id, 0)).stopReason === null) await step(store, run, 'stop');
    });
    // The later writers find that the run has ended.
    const ends = await Promise.all(
      walks.map((walk) =>
        walk.then(
          () => '',
          (error: unknown) => String(error),
        ),
      ),
    );
    for (const end of ends) expect(end).toMatch(/^$|the run has ended/);
    const run = await writers[0].runs.get(id, 0);
    const trajectory = await writers[1].invocations.trajectory(run);
    expect(trajectory.map(({ sequence }) => sequence)).toEqual(trajectory.map((_, sequence) => sequence));
    expect(run.length).toBe(trajectory.length);
  });

  onServer('that make whole runs at once leave what one alone leaves', async (urlOf) => {
    const database = await newDatabase(urlOf);
    const [one, other] = [await open(database), await open(database)];
    const alone = temporaryStore();
    try {
      const id = await finishExperiment(alone.store);
      await one.experiments.plan(id, config, NOW);
      await one.db.write(() =>
        one.db.rows(sql.raw('update runs set drawn_seed = 1000 + run_index where seed = -1 returning id')),
      );
      const halves = [one, other].map(async (store, half) => {
        for (const index of half === 0 ? [0, 1, 2, 3] : [3, 2, 1, 0]) {
          const run = await store.runs.get(id, index);
          if (run.status === 'pending') await finishRun(store, run, config).catch(() => undefined);
        }
      });
      await Promise.all(halves);
      for (const index of [0, 1, 2, 3]) {
        const run = await one.runs.get(id, index);
        if (run.status !== 'finished') await finishRun(one, run, config);
      }
      expect(await contentDigest(one.db, id)).toBe(await contentDigest(alone.store.db, id));
    } finally {
      await alone.remove();
    }
  });
});

describe('a connection', () => {
  onServer(
    'that is ended in the middle of a write leaves nothing of it, and is an error to be retried',
    async (urlOf) => {
      const store = await open(await newDatabase(urlOf));
      const id = experimentId(config);
      await store.experiments.plan(id, config, NOW);
      const run = await store.runs.get(id, 0);
      const torn = store.db.write(function* () {
        yield* store.db.rows(sql.raw('update runs set attempt = 9 returning id'));
        yield* store.db.rows(sql.raw('select pg_terminate_backend(pg_backend_pid()), pg_sleep(1)'));
      });
      await expect(torn).rejects.toMatchObject({ kind: 'StoreUnavailable' });
      expect((await store.runs.get(id, 0)).attempt).toBe(1);
      expect(await step(store, run, 'stop')).toBe(true);
    },
  );

  onServer('by a wrong password or to a missing database is an input error', async (urlOf) => {
    const wrong = new URL((await newDatabase(urlOf)).url);
    wrong.password = 'guessed';
    const place = { folder, database: { url: wrong.href, poolSize: 2 } };
    await expect(connectStore(place)).rejects.toMatchObject({ kind: 'InvalidInput' });
    expect(await rejection(connectStore(place))).not.toContain('guessed');
    const missing = { folder, database: { url: urlOf('nothing'), poolSize: 2 } };
    expect(await rejection(connectStore(missing))).toMatch(/no such database/);
  });

  onServer('of a pool are no more than its size', async (urlOf) => {
    const store = await open(await newDatabase(urlOf, 3));
    await Promise.all(Array.from({ length: 40 }, () => store.experiments.list()));
    expect(poolOf(store.db).totalCount).toBeLessThanOrEqual(3);
  });

  onServer('commits to the disk, whatever the settings of the server are', async (urlOf) => {
    const database = await newDatabase(urlOf);
    await asSuperuser(database.url, (client) =>
      client.query(`alter database ${new URL(database.url).pathname.slice(1)} set synchronous_commit = off`),
    );
    const store = await open(database);
    const { rows } = await poolOf(store.db).query<{ synchronous_commit: string }>('show synchronous_commit');
    expect(rows[0]!.synchronous_commit).toBe('on');
  });
});

/** Writes a row. */
function touch({ db }: Store): Promise<unknown> {
  const row = 'insert into hosts (fingerprint) values (gen_random_uuid()) returning id';
  return db.write(() => db.rows(sql.raw(row)));
}

/** Ends every connection to a database. */
async function cutOff({ url }: PostgresService): Promise<void> {
  await asSuperuser(url, (client) =>
    client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    ),
  );
}

describe('a process that must be alone with it', () => {
  onServer('is refused while others may write, and told who they are', async (urlOf) => {
    const database = await newDatabase(urlOf);
    const other = await open(database);
    expect(await rejection(connectStoreAlone({ folder, database }))).toMatch(
      new RegExp(
        `^the database test_\\w+ on .* is in use by panic-tda ${process.pid}@.*; stop workers and runs`,
      ),
    );
    await expect(connectStoreAlone({ folder, database })).rejects.toMatchObject({ kind: 'InvalidInput' });
    await other.close();
    stores.splice(stores.indexOf(other), 1);
    await (await connectStoreAlone({ folder, database })).close();
  });

  onServer('keeps others from writing, not from reading, until that is over', async (urlOf) => {
    const database = await newDatabase(urlOf);
    const alone = await connectStoreAlone({ folder, database });
    try {
      await touch(alone);
      const refused = await connectStore({ folder, database }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ kind: 'InvalidInput' });
      expect(String(refused)).toMatch(/is being repaired or merged into \(panic-tda \d+@/);
      const reader = await connectStoreReadonly({ folder, database });
      expect(await reader!.experiments.list()).toEqual([]);
      expect(await rejection(touch(reader!))).toMatch(/read-only transaction/);
      await reader!.close();
    } finally {
      await alone.close();
    }
    await touch(await open(database));
  });

  onServer(
    'is safe from who comes back after a lost connection, and no longer alone after his own',
    async (urlOf) => {
      const database = await newDatabase(urlOf);
      const other = await open(database);
      await touch(other);
      await cutOff(database);
      const alone = await connectStoreAlone({ folder, database });
      try {
        const refused = await touch(other).catch((error: unknown) => error);
        expect(refused).toMatchObject({ kind: 'StoreUnavailable' });
        await touch(alone);
        await cutOff(database);
        await expect(touch(alone)).rejects.toMatchObject({ kind: 'StoreUnavailable' });
        expect(await rejection(touch(alone))).toMatch(/the connection that kept others out of .* was lost/);
        await touch(other);
      } finally {
        await alone.close();
      }
    },
  );
});

describe('a text with the character U+0000', () => {
  onServer('is refused by name before anything is written, as by SQLite', async (urlOf) => {
    const store = await open(await newDatabase(urlOf));
    const alone = temporaryStore();
    try {
      const of = { ...config, prompts: ['a red apple', `an apple\0with a core`] };
      for (const any of [store, alone.store]) {
        await expect(any.experiments.plan(experimentId(of), of, NOW)).rejects.toMatchObject({
          kind: 'InvalidInput',
          message: String.raw`the text "an apple\u0000with a core" cannot be stored: it contains U+0000`,
        });
        expect(await any.experiments.list()).toEqual([]);
      }
    } finally {
      await alone.remove();
    }
  });

  onServer(
    'in a column that has no rule of its own is refused by name, and not tried again',
    async (urlOf) => {
      const store = await open(await newDatabase(urlOf));
      await store.experiments.plan(experimentId(config), config, NOW);
      const driver = { workflowId: 'an apple\0with a core', runId: 'r' };
      const refused = await store.experiments
        .claim(experimentId(config), driver, null, NOW)
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ kind: 'InvalidInput' });
      expect(String(refused)).toContain(
        String.raw`the character U+0000, which a text has at position 8: "an apple\u0000with a core". Take it out`,
      );
    },
  );

  onServer('in the message of an error is spelled out, not stored', async (urlOf) => {
    const store = await open(await newDatabase(urlOf));
    const id = experimentId(config);
    await store.experiments.plan(id, config, NOW);
    const run = await store.runs.get(id, 0);
    const message = errorMessage(new Error('the server said \0 and went'));
    await store.runs.logFailure(run, { stage: 'invocation', sequence: 0, kind: 'DeviceError', message }, NOW);
    expect(await store.runs.failuresOf(run)).toMatchObject([
      { message: String.raw`the server said \u0000 and went` },
    ]);
  });
});

describe('the tables', () => {
  onServer('are made once by processes that start together, and none of them fails', async (urlOf) => {
    const database = await newDatabase(urlOf);
    const source = `
      import { connectStore } from ${dist('db/index.js')};
      const store = await connectStore(${JSON.stringify({ folder: join(folder, 'data'), database })});
      await store.close();`;
    const codes = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const child = runModule(source);
        return new Promise<number | null>((resolve) => child.once('exit', resolve));
      }),
    );
    expect(codes).toEqual([0, 0, 0]);
    const { rows } = await asSuperuser(database.url, (client) =>
      client.query<{ made: string; distinct: string }>(
        'select count(*) as made, count(distinct hash) as distinct from __drizzle_migrations',
      ),
    );
    expect(rows[0]!.made).toBe(rows[0]!.distinct);
  });

  onServer('can be used by a role that cannot change them', async (urlOf) => {
    const owner = await newDatabase(urlOf);
    const worker = await newRole(owner, 'worker');
    const database = as(worker, owner);
    expect(await rejection(connectStore({ folder, database }))).toMatch(
      /has no tables yet, and this role may not change that; "panic-tda setup database"/,
    );
    expect(await connectStoreReadonly({ folder, database })).toBeNull();
    expect(await setUpDatabase(owner, [worker])).toBeGreaterThan(0);
    expect(await setUpDatabase(owner, [worker])).toBe(0);
    const store = await open(database);
    const alone = temporaryStore();
    try {
      const id = await finishExperiment(store);
      expect(await finishExperiment(alone.store)).toBe(id);
      expect(await contentDigest(store.db, id)).toBe(await contentDigest(alone.store.db, id));
    } finally {
      await alone.remove();
    }
    for (const change of [
      'drop table surrogates',
      'alter table runs add x int',
      'delete from __drizzle_migrations',
    ]) {
      expect(await rejection(poolOf(store.db).query(change))).toMatch(/must be owner|permission denied/);
    }
    await asSuperuser(owner.url, (client) =>
      client.query('delete from __drizzle_migrations where id = (select max(id) from __drizzle_migrations)'),
    );
    expect(await rejection(connectStore({ folder, database }))).toMatch(
      /older panic-tda \(\d+ of \d+ migrations\), and this role may not/,
    );
  });

  onServer('of which others made more are named by doctor', async (urlOf) => {
    const database = await newDatabase(urlOf);
    await setUpDatabase(database, []);
    const store = await connectStore({ folder, database });
    try {
      await store.experiments.plan(experimentId(config), config, NOW);
      const named = async (): Promise<string[]> => {
        const found: string[] = [];
        for await (const { table, id } of checkInvariants(store.db, store.objects))
          found.push(`${table} ${id}`);
        return found;
      };
      expect(await named()).toEqual([]);
      await asSuperuser(database.url, (client) =>
        client.query(`
          create function spy() returns trigger language plpgsql as 'begin return new; end';
          create trigger spy after insert on runs for each row execute function spy();
          create rule deaf as on delete to failures do instead nothing;
          create policy hidden on experiments using (false);
          create function length(text) returns integer language sql as 'select 1';
          alter table hosts add column more text generated always as ('x') stored`),
      );
      expect((await named()).toSorted()).toEqual([
        'experiments hidden',
        'failures deaf',
        'hosts more',
        'its schema length',
        'runs spy',
      ]);
    } finally {
      await store.close();
    }
  });

  onServer(
    'are mended by a role that cannot change them, but for what their owner alone can do, which is named',
    async (urlOf) => {
      const owner = await newDatabase(urlOf);
      const mender = await newRole(owner, 'mender');
      await setUpDatabase(owner, [mender]);
      const first = await connectStore({ folder, database: owner });
      const { id: run } = await first.runs.get(await finishExperiment(first), 0);
      await first.close();
      const database = as(mender, owner);
      const alone = await connectStoreAlone({ folder, database });
      const plan = new RepairPlan();
      try {
        plan.add({ kind: 'reopen run', run });
        plan.add({ kind: 'restore the schema', name: 'runs_end_complete' });
        const refused: string[] = [];
        const onFailure = (_: Repair, why: string) => refused.push(why);
        expect(await mend(alone, plan, meansOf(alone), { cutBack: false, onFailure })).toBe(1);
        expect(refused).toEqual([
          expect.stringMatching(/no right to do this; the role that owns the tables has/),
        ]);
        const [reopened] = await alone.runs.list((await alone.experiments.list())[0]!.id);
        expect(reopened).toMatchObject({ id: run, status: 'pending' });
      } finally {
        plan.close();
        await alone.close();
      }
    },
  );

  onServer('of another version or another hand are refused', async (urlOf) => {
    const database = await newDatabase(urlOf);
    await setUpDatabase(database, []);
    const change = (statement: string) => asSuperuser(database.url, (client) => client.query(statement));
    await change(`insert into __drizzle_migrations (hash, created_at) values ('of the future', 9e15)`);
    await change(`update databases set readable_from = readable_from + 9, writable_from = writable_from + 9`);
    for (const connect of [connectStore, connectStoreReadonly]) {
      expect(await rejection(connect({ folder, database }))).toMatch(/newer panic-tda/);
    }
    await change(`delete from __drizzle_migrations where hash = 'of the future'`);
    await change(`update databases set readable_from = readable_from - 9, writable_from = writable_from - 9`);
    await change(`update __drizzle_migrations set hash = 'of a draft' where id = 1`);
    for (const connect of [connectStore, connectStoreReadonly]) {
      expect(await rejection(connect({ folder, database }))).toMatch(
        /did not make \(migration 0 differs\).* another database/,
      );
    }
  });

  onServer('are those of the one description: columns, keys, checks, indices and triggers', async (urlOf) => {
    const database = await newDatabase(urlOf);
    await setUpDatabase(database, []);
    const sqlite = temporaryStore();
    const ask = <T extends object>(query: string) =>
      asSuperuser(database.url, async (client) => (await client.query<T>(query)).rows);
    try {
      const tables = Object.values(schema).filter((value) => is(value, SQLiteTable));
      const columns = await ask<{ table: string; name: string; type: string; nullable: string }>(`
        select table_name as table, column_name as name, data_type as type, is_nullable as nullable
        from information_schema.columns where table_schema = 'public' and table_name not like '\\_\\_%'`);
      const expected = tables.flatMap((table) =>
        Object.values(getTableColumns(table)).map((column) => ({
          table: getTableName(table),
          name: column.name,
          type: POSTGRES_TYPES.get(column.getSQLType()),
          nullable: column.notNull ? 'NO' : 'YES',
        })),
      );
      expect(sorted(columns)).toEqual(sorted(expected));
      const checks = await ask<{ name: string }>(
        `select conname as name from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace`,
      );
      const wanted = tables.flatMap((table) => getTableConfig(table).checks.map(({ name }) => ({ name })));
      // To SQLite a NaN is a NULL, which the column refuses by itself.
      expect(sorted(checks)).toEqual(sorted([...wanted, { name: 'diagrams_compute_ms' }]));
      const [keys] = await ask<{ count: string }>(`select count(*) from pg_constraint where contype = 'f'`);
      const references = tables.flatMap((table) => getTableConfig(table).foreignKeys);
      expect(Number(keys!.count)).toBe(references.length);
      const named = (type: string) =>
        sqlite.store.db.sqlite
          .prepare<[string], { name: string }>(
            `select name from sqlite_master where type = ? and sql is not null order by name`,
          )
          .all(type)
          .map(({ name }) => name);
      const triggers = await ask<{ name: string }>(
        'select tgname as name from pg_trigger where not tgisinternal',
      );
      expect(triggers.map(({ name }) => name).toSorted()).toEqual(named('trigger'));
      const indices = await ask<{ name: string }>(`
        select indexname as name from pg_indexes where schemaname = 'public' and indexname not like '%_pkey'`);
      expect(indices.map(({ name }) => name).toSorted()).toEqual(named('index'));
    } finally {
      await sqlite.remove();
    }
  });
});

const POSTGRES_TYPES = new Map([
  ['integer', 'bigint'],
  ['real', 'double precision'],
  ['text', 'text'],
  ['blob', 'bytea'],
]);

function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}
