import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import type { Store } from '../../db/index.js';
import { recentQuery } from '../../db/read/summary.js';
import { experimentId } from '../../experiment/ids.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { config, NOW, step } from '../support/small-experiment.js';

/** A step a second, for longer than the rate looks back. */
const STEPS = 5000;
const END = NOW + 1000 * (STEPS - 1);
const long = { ...config, prompts: ['a red apple'], seeds: [-1], max_length: STEPS + 1 };
const id = experimentId(long);

let place: Place;
let store: Store;

beforeAll(async () => {
  place = await emptyPlace();
  ({ store } = place);
  await store.experiments.plan(id, long, NOW);
  const run = await store.runs.get(id, 0);
  await store.runs.markRunning(run, NOW);
  await step(store, run, 'continue');
  await step(store, run, 'continue');
  // From its third step on the two outputs take turns.
  await place.sql(`
    insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, created_at)
    with recursive numbers(n) as (select 2 union all select n + 1 from numbers where n < ${STEPS - 1})
    select same.run_id, n, same.model_id, other.output_id, same.output_id, 0, 'reused', ${NOW} + 1000 * n
    from numbers
    join invocations same on same.sequence = n % 2
    join invocations other on other.sequence = 1 - n % 2
    order by n;
    analyze`);
});
afterAll(() => place.remove());

test('the rate is that of the last minute, at the end of a long run and after it', async () => {
  // 61 steps in 60 s: those at both ends count.
  expect(await store.summaries.recentRate(id, END)).toBeCloseTo(61 / 60);
  expect(await store.summaries.recentRate(id, END + 30_000)).toBeCloseTo(31 / 60);
  expect(await store.summaries.recentRate(id, END + 61_000)).toBe(0);
  expect(await store.summaries.recentRate('nobody', END)).toBe(0);
});

test('it is found by the index of the steps, and does not read what is older', async () => {
  const query = recentQuery(id, END - 60_000);
  if (store.db.dialect === 'sqlite') {
    const plan = await store.db.read(() =>
      store.db.rows<{ detail: string }>(sql`explain query plan ${query}`),
    );
    const details = plan.map(({ detail }) => detail);
    // A set of names; a plan may look a subquery up once for each of its uses.
    const ofSteps = details.filter((detail) => detail.includes('invocations'));
    expect(ofSteps.length).toBeGreaterThanOrEqual(3);
    for (const detail of ofSteps) {
      expect(detail).toMatch(/^SEARCH invocations USING (COVERING )?INDEX invocations_step \(run_id=\?/);
    }
    expect(details.join('\n')).not.toMatch(/B-TREE/);
    return;
  }
  const [explained] = await store.db.read(() =>
    store.db.rows<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
      sql`explain (analyze, format json) ${query}`,
    ),
  );
  const scans = nodesOf(explained!['QUERY PLAN'][0]!.Plan).filter((node) => 'Relation Name' in node);
  const ofSteps = scans.filter((node) => node['Relation Name'] === 'invocations');
  expect(ofSteps.length).toBeGreaterThanOrEqual(3);
  for (const node of ofSteps) {
    expect(node).toMatchObject({ 'Index Name': 'invocations_step' });
    const read = node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0);
    expect(read * node['Actual Loops']).toBeLessThan(100);
  }
});

/** The parts of Postgres's plan (EXPLAIN, format JSON) that these tests read. */
interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}
