import { afterAll, afterEach, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { cleanUp, until } from '../support/cli-process.js';
import { alerts, queries } from '../support/deploy-files.js';
import { parsePromql } from '../support/promql.js';
import { findPromtool } from '../support/promtool.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { repositoryPath } from '../support/child-processes.js';
import { addressOf, type Fleet, openFleet, samplesOf } from '../support/fleet.js';

/** Metrics that only a worker with a database of several machines has. */
const OF_POSTGRES = /^panic_tda_database_(connections|connections_max|waiting)$/;

/** Labels that Prometheus adds to the metrics of a target. */
const OF_TARGETS = ['job', 'instance'];

const promtool = findPromtool();
let fleet: Fleet;
afterEach(async () => await fleet.close());
afterAll(cleanUp);

/** The values of each label of each metric of a scrape. */
function metricsOf(text: string): Map<string, Map<string, Set<string>>> {
  const metrics = new Map<string, Map<string, Set<string>>>();
  for (const line of text.split('\n')) {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = metrics.get(name) ?? new Map<string, Set<string>>();
    metrics.set(name, known);
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
  return metrics;
}

/** The metrics that docs/workers.md lists, with their labels. */
function documented(): Map<string, string[]> {
  const rows = readFileSync(repositoryPath('docs/workers.md'), 'utf8').matchAll(
    /^\| `((?:panic_tda|process)_\w+)` *\| ([^|]*)\|/gm,
  );
  return new Map(
    [...rows].map(([, name = '', labels = '']) => [
      name,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted(),
    ]),
  );
}

test('a worker reports every metric and label that alerts, dashboard and documents name, and queues that no worker polls', async () => {
  const postgres = await suitePostgres();
  if (!postgres.available)
    process.stderr.write(`without Postgres, which cannot run here: ${postgres.reason}\n`);
  const database = postgres.available
    ? { PANIC_TDA_DATABASE: postgres.urlOf(await createDatabase(postgres.urlOf)) }
    : {};
  fleet = await openFleet({ SlowT2I: 'large' }, database);
  const worker = await fleet.worker(['--models', 'unrouted', '--listen', '0', '--device', 'cpu']);
  const address = addressOf(worker);
  const scrape = async () => (await fetch(`${address}/metrics`)).text();
  const experiment = {
    networks: [['DummyT2I', 'DummyI2T']],
    prompts: ['a quiet harbour'],
    seeds: [3],
    embedding_models: ['Dummy'],
    max_length: 4,
  };
  const ended = await (await fleet.start(experiment, 'ended')).result();
  expect(ended).toMatchObject({ finished: 1 });
  // No worker serves the queue of its first model.
  const waiting = await fleet.start({ ...experiment, networks: [['SlowT2I', 'DummyI2T']] }, 'waiting');
  let text = '';
  await until(
    async () => {
      text = await scrape();
      const backlog = samplesOf(text, 'panic_tda_queue_backlog');
      return (
        backlog.some(({ labels, value }) => labels === 'task_queue="panic-tda-gpu-large"' && value === 1) &&
        samplesOf(text, 'panic_tda_last_step_age_seconds').length === 1
      );
    },
    () => text,
  );
  expect(samplesOf(text, 'panic_tda_queue_pollers')).toEqual([
    { labels: 'task_queue="panic-tda"', value: 1 },
    { labels: 'task_queue="panic-tda-gpu"', value: 1 },
    { labels: 'task_queue="panic-tda-gpu-large"', value: 0 },
    { labels: 'task_queue="panic-tda-cpu"', value: 1 },
  ]);
  expect(samplesOf(text, 'panic_tda_open_runs')).toContainEqual({ labels: 'status="pending"', value: 1 });
  expect(samplesOf(text, 'panic_tda_runs')).toContainEqual({ labels: 'status="finished"', value: 1 });

  const metrics = metricsOf(text);
  const isExpectedHere = (metric: string) => postgres.available || !OF_POSTGRES.test(metric);
  for (const { panel, expr, legend } of queries()) expectTold(expr, `${panel}: ${legend}`);
  for (const { alert, expr, annotations } of alerts()) {
    expectTold(expr, `${alert}: ${Object.values(annotations).join(' ')}`);
  }

  function expectTold(expr: string, uses: string): void {
    const { selectors, grouping } = parsePromql(expr);
    const labelsTold = new Set(OF_TARGETS);
    for (const { metric, labels } of selectors) {
      if (metric === 'up' || !isExpectedHere(metric)) continue;
      const told = metrics.get(metric);
      if (told === undefined) throw new Error(`no worker reports ${metric}, which ${uses} asks for`);
      for (const label of told.keys()) labelsTold.add(label);
      for (const [label, values] of labels) {
        if (OF_TARGETS.includes(label)) continue;
        for (const value of values) {
          // The kinds of failures are known before the first failure.
          expect([uses, metric, label, [...(told.get(label) ?? [])]]).toEqual([
            uses,
            metric,
            label,
            expect.arrayContaining([value]),
          ]);
        }
      }
    }
    const used = [...uses.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, label = '']) => label);
    for (const label of [...grouping, ...used]) {
      expect([uses, [...labelsTold]]).toEqual([uses, expect.arrayContaining([label])]);
    }
  }

  const own = new Map<string, string[]>();
  for (const [name, labels] of metrics) {
    if (!/^(panic_tda|process)_/.test(name)) continue;
    const names = [...labels.keys()].filter((label) => label !== 'le').toSorted();
    own.set(name.replace(/_(bucket|sum|count)$/, ''), names);
  }
  expect([...own].toSorted(byName)).toEqual(
    [...documented()].filter(([name]) => isExpectedHere(name)).toSorted(byName),
  );

  if (promtool !== null) expect(promtool(['check', 'metrics'], text)).toEqual({ code: 0, said: '' });
  await waiting.terminate();
});

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
