import { afterAll, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { bookkeepingFailure } from '../../activities/failures.js';
import { connectStore, openStore } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { PanicError } from '../../experiment/errors.js';
import { observe } from '../../workers/observation.js';
import { samplesOf } from '../fleet/fleet.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { config, NOW } from '../db/small-experiment.js';

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-metrics-'));
const stores: Store[] = [];
afterAll(async () => {
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

/** What a store really throws, by the name of the change that it refuses or that is cut off. */
function refusals(store: Store) {
  const change = (query: string) => () => store.db.write(() => store.db.rows(sql.raw(query)));
  return {
    conflict: () => store.artifacts.load(9999),
    refused: change(`insert into hosts (fingerprint) values (null) returning id`),
    unknown: change('select nothing from nowhere'),
    cutOff: change('select pg_terminate_backend(pg_backend_pid()), pg_sleep(1)'),
    badInput: () => store.experiments.plan('with a \0', { ...config, name: 'a \0' }, NOW),
  };
}

test('errors of either store are counted as such by kind, and those of others are not', async () => {
  const sqlite = openStore(join(folder, 'sqlite'));
  stores.push(sqlite);
  const file = refusals(sqlite);
  const thrown: { what: () => Promise<unknown>; kind: string; ofStore: boolean }[] = [
    { what: file.conflict, kind: 'StoreConflict', ofStore: true },
    { what: file.refused, kind: 'SqliteError', ofStore: true },
    { what: file.unknown, kind: 'SqliteError', ofStore: true },
    {
      what: () => Promise.reject(new PanicError('DeviceError', 'the device is gone')),
      kind: 'DeviceError',
      ofStore: false,
    },
  ];
  const server = await suitePostgres();
  if (server.available) {
    const url = server.urlOf(await createDatabase(server.urlOf));
    const postgres = await connectStore({ folder: join(folder, 'postgres'), database: { url, poolSize: 2 } });
    stores.push(postgres);
    const service = refusals(postgres);
    thrown.push(
      { what: service.conflict, kind: 'StoreConflict', ofStore: true },
      { what: service.refused, kind: 'DatabaseError', ofStore: true },
      { what: service.unknown, kind: 'DatabaseError', ofStore: true },
      { what: service.cutOff, kind: 'StoreUnavailable', ofStore: true },
      { what: service.badInput, kind: 'InvalidInput', ofStore: false },
    );
  } else process.stderr.write(`without Postgres, which cannot run here: ${server.reason}\n`);

  const observation = await observe({ identity: 'observed', listenPort: 0, httpNames: [] }, ['queue']);
  try {
    for (const { what } of thrown) {
      const activity = new MockActivityEnvironment(
        { activityType: 'advanceRun' },
        { interceptors: [observation.metrics.activities], logger: new DefaultLogger('ERROR') },
      );
      const attempt = activity.run(async () => {
        await what().catch((error: unknown) => {
          throw bookkeepingFailure(error);
        });
      });
      await expect(attempt).rejects.toMatchObject({ name: 'ApplicationFailure' });
    }
    const text = await (await fetch(`http://127.0.0.1:${observation.port}/metrics`)).text();
    const wanted = (only: (one: (typeof thrown)[number]) => boolean, labels: (kind: string) => string) => {
      const counts = new Map<string, number>();
      for (const { kind } of thrown.filter(only)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      return [...counts].map(([kind, value]) => ({ labels: labels(kind), value })).toSorted(byLabels);
    };
    expect(samplesOf(text, 'panic_tda_store_errors_total').toSorted(byLabels)).toEqual(
      wanted(
        ({ ofStore }) => ofStore,
        (kind) => `kind="${kind}"`,
      ),
    );
    expect(samplesOf(text, 'panic_tda_activity_failures_total').toSorted(byLabels)).toEqual(
      wanted(
        () => true,
        (kind) => `activity="advanceRun",kind="${kind}"`,
      ),
    );
  } finally {
    await observation.close();
  }
});

function byLabels(a: { readonly labels: string }, b: { readonly labels: string }): number {
  return a.labels < b.labels ? -1 : 1;
}
