import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { bookkeepingFailure } from '../../activities/failures.js';
import { connectStore, openStore } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { FAILURE_KINDS, PanicError } from '../../common/errors.js';
import type { Gauge } from '../../workers/observation/gauges.js';
import { observe, type Observation } from '../../workers/observation/observation.js';
import { embedding, generative } from '../support/small-catalogue.js';
import { samplesOf } from '../support/fleet.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { config, NOW } from '../support/small-experiment.js';

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-metrics-'));
const stores: Store[] = [];
/** A process has one runtime of the SDK, and so one exporter. */
let observation: Observation;
beforeAll(async () => {
  const build = { version: '1.2.3', deployment: null, bundleSha256: 'ab'.repeat(32) };
  observation = await observe({ identity: 'observed', listenPort: 0, httpNames: [], build }, ['queue']);
});
afterAll(async () => {
  await observation.close();
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

/** Errors that a store really throws, by the change that it refuses or that is interrupted. */
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

async function scrape(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${observation.port}/metrics`)).text();
}

const ready = { problems: async () => [], remarks: async () => ['a remark'] };

test('the counters of a worker begin at zero, and count from there', async () => {
  expect(samplesOf(await scrape(), 'panic_tda_ready')).toEqual([{ labels: '', value: 0 }]);
  const models = [generative('Painter', 'text', 'image'), embedding('Points', 'text', 4)];
  observation.begin(ready, { models, activities: ['planExperiment'] }, []);
  const text = await scrape();
  const zeros = (metric: string) => {
    const samples = samplesOf(text, metric);
    expect(samples.every(({ value }) => value === 0)).toBe(true);
    return samples.map(({ labels }) => labels);
  };
  expect(zeros('panic_tda_invocations_total')).toEqual(['model="Painter"']);
  expect(zeros('panic_tda_vectors_total')).toEqual(['model="Points"']);
  expect(zeros('panic_tda_activity_attempts_total')).toEqual(['activity="planExperiment"']);
  const kinds = zeros('panic_tda_activity_failures_total');
  for (const kind of [...FAILURE_KINDS, 'WorkerShutdown', 'DatabaseError']) {
    expect(kinds).toContain(`activity="planExperiment",kind="${kind}"`);
  }
  expect(zeros('panic_tda_store_errors_total')).toContain('kind="StoreUnavailable"');
  expect(zeros('panic_tda_scrape_errors_total')).toEqual([
    'source="build"',
    'source="readiness"',
    'source="remarks"',
  ]);
  expect(samplesOf(text, 'panic_tda_ready')).toEqual([{ labels: '', value: 1 }]);
  expect(samplesOf(text, 'panic_tda_ready_remarks')).toEqual([{ labels: '', value: 1 }]);
  const node = process.versions.node;
  expect(samplesOf(text, 'panic_tda_build_info')).toEqual([
    {
      labels: `version="1.2.3",deployment="",build_id="",bundle="abababababab",node="${node}"`,
      value: 1,
    },
  ]);
});

test('errors of either store count as store errors, by kind, and other errors do not', async () => {
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
  const text = await scrape();
  const counted = (metric: string) =>
    samplesOf(text, metric)
      .filter(({ value }) => value > 0)
      .toSorted(byLabels);
  const wanted = (only: (one: (typeof thrown)[number]) => boolean, labels: (kind: string) => string) => {
    const counts = new Map<string, number>();
    for (const { kind } of thrown.filter(only)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return [...counts].map(([kind, value]) => ({ labels: labels(kind), value })).toSorted(byLabels);
  };
  expect(counted('panic_tda_store_errors_total')).toEqual(
    wanted(
      ({ ofStore }) => ofStore,
      (kind) => `kind="${kind}"`,
    ),
  );
  expect(counted('panic_tda_activity_failures_total')).toEqual(
    wanted(
      () => true,
      (kind) => `activity="advanceRun",kind="${kind}"`,
    ),
  );
});

const REFUSING: readonly Gauge[] = [
  { name: 'panic_tda_refusing', help: 'A "value"', samples: [{ labels: { a: 'b"\\\n' }, value: 1 }] },
];

test('a scrape leaves out and counts sources that do not answer, and does not wait for them', async () => {
  let answers = true;
  let asked = 0;
  observation.begin(ready, { models: [], activities: [] }, [
    {
      source: 'refusing',
      read: async () => {
        if (!answers) throw new Error('it is away');
        return REFUSING;
      },
    },
    {
      source: 'silent',
      read: () => {
        asked++;
        return new Promise(() => undefined);
      },
    },
  ]);
  const before = await scrape();
  expect(samplesOf(before, 'panic_tda_refusing')).toEqual([{ labels: 'a="b\\"\\\\\\n"', value: 1 }]);
  answers = false;
  const after = await scrape();
  expect(after).not.toContain('panic_tda_refusing');
  // The other gauges are there.
  expect(samplesOf(after, 'panic_tda_ready')).toEqual([{ labels: '', value: 1 }]);
  const errors = samplesOf(after, 'panic_tda_scrape_errors_total');
  expect(errors).toContainEqual({ labels: 'source="refusing"', value: 1 });
  expect(errors).toContainEqual({ labels: 'source="silent"', value: 2 });
  // A source that does not answer is asked only once.
  expect(asked).toBe(1);
});

function byLabels(a: { readonly labels: string }, b: { readonly labels: string }): number {
  return a.labels < b.labels ? -1 : 1;
}
