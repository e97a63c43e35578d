import { afterAll, expect, test } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../bench/common/embedded-postgres.js';
import { shortageText, type ConnectionRoom } from '../../db/postgres/connection-room.js';
import { asSuperuser, suitePostgres } from '../support/suite-postgres.js';
import { openFleet, type Fleet } from '../support/fleet.js';
import { DoctorDocument } from '../support/documents.js';

/**
 * How many connections workers open at a Postgres server, and what they report if it takes fewer than they
 * may want.
 */

const POOL = 4;
/** 11 for roles that are not superusers. */
const MOST = 14;

const here = (await suitePostgres()).available ? test : test.skip;
let server: EmbeddedPostgres | null = null;
let fleet: Fleet | null = null;

afterAll(async () => {
  await fleet?.close();
  await server?.stop();
});

/** By process, the maximum of its connections at one look. */
async function mostConnections(client: Client, until: Promise<unknown>): Promise<Map<string, number>> {
  const most = new Map<string, number>();
  const over = new AbortController();
  void until.finally(() => over.abort()).catch(() => undefined);
  while (!over.signal.aborted) {
    const { rows } = await client.query<{ name: string; count: string }>(
      `select application_name as name, count(*) from pg_stat_activity where application_name like 'panic-tda %' group by 1`,
    );
    for (const { name, count } of rows) most.set(name, Math.max(most.get(name) ?? 0, Number(count)));
    await sleep(20);
  }
  return most;
}

here(
  'workers under load open no more connections than their pools have, and a fleet that may want too many is warned',
  async () => {
    server = await startEmbeddedPostgres(mkdtempSync(join(tmpdir(), 'panic-tda-postgres-')), {
      settings: [`max_connections=${MOST}`, 'superuser_reserved_connections=3'],
    });
    const database = server.url('postgres');
    fleet = await openFleet(null, { PANIC_TDA_DATABASE: database, PANIC_TDA_DATABASE_POOL: String(POOL) });
    const main = await fleet.worker(['--queues', 'main,cpu']);
    const gpu = await fleet.worker(['--queues', 'gpu']);
    for (const worker of [main, gpu]) expect(worker.stderr()).not.toContain('connections');

    const handle = await fleet.start(
      {
        networks: [['DummyT2I', 'DummyI2T']],
        prompts: ['a lighthouse'],
        seed_count: 8,
        embedding_models: ['Dummy'],
        max_length: 12,
        max_dimension: 0,
      },
      'connections',
    );
    const most = await asSuperuser(database, (client) => mostConnections(client, handle.result()));
    expect(await handle.result()).toMatchObject({ status: 'completed', failed: 0 });
    const of = ({ process: { pid } }: typeof main): number | undefined =>
      [...most].find(([name]) => name.startsWith(`panic-tda ${pid}@`))?.[1];
    for (const worker of [main, gpu]) expect(of(worker)).toBeLessThanOrEqual(POOL);
    // More than one, or the load would not fill the pool.
    expect(of(gpu)).toBeGreaterThan(1);
    expect(most.size).toBe(2);

    const third = await fleet.worker(['--queues', 'gpu']);
    const warning = `Warning: the database takes ${MOST - 3} connections (max_connections ${MOST}, less those that the server reserves), and 12 may be wanted: 0 that other programs have open, and up to ${POOL} (PANIC_TDA_DATABASE_POOL) of each of 3 processes of panic-tda.`;
    expect(third.stderr()).toContain(warning);
    const { findings } = DoctorDocument.parse(await fleet.json(['doctor']));
    expect(findings).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        text: expect.stringMatching(
          /^the database takes 11 connections .* and 16 may be wanted: .* each of 4 processes/,
        ),
      }),
    );
  },
);

test.each<[string, Partial<ConnectionRoom>, boolean]>([
  ['pools that just fit', {}, false],
  ['one connection of others more', { ofOthers: 31 }, true],
  ['one process more', { processes: 8 }, true],
  ['a limit of the role', { most: 99, setBy: 'the connection limit of the role a' }, true],
])('%s', (_case, change, isShort) => {
  const room = { most: 100, setBy: 'max_connections', open: 40, ofOthers: 30, processes: 7, ...change };
  expect(shortageText(room, 10) !== null).toBe(isShort);
});
