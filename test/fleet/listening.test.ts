import { afterAll, afterEach, expect, test } from '@jest/globals';
import { hostname } from 'node:os';
import { cleanUp } from '../support/cli-process.js';
import { type HeldService, openHeldService } from '../support/held-service.js';
import { suiteAddress } from '../support/suite-server.js';
import { addressOf, openFleet, samplesOf, type Fleet } from '../support/fleet.js';

let fleet: Fleet;
let service: HeldService | null = null;
afterEach(async () => {
  await fleet.close();
  await service?.close();
  service = null;
});
afterAll(cleanUp);

async function get(address: string, init: RequestInit = {}) {
  const response = await fetch(address, init);
  return { status: response.status, text: await response.text() };
}

test('a worker reports over HTTP its identity, whether it is ready, and what it has done, and no other worker gets its port', async () => {
  fleet = await openFleet();
  service = await openHeldService(suiteAddress());
  const worker = await fleet.worker(['--listen', '0', '--device', 'cpu'], {
    TEMPORAL_ADDRESS: service.address,
  });
  const address = addressOf(worker);
  expect(new URL(address).hostname).toBe('127.0.0.1');
  const identity = `${worker.process.pid}@${hostname()}:main+gpu+cpu`;
  const taskQueues = ['panic-tda', 'panic-tda-gpu', 'panic-tda-cpu'];
  const health = await get(`${address}/health`);
  expect(health.status).toBe(200);
  expect(JSON.parse(health.text)).toMatchObject({ state: 'running', identity, taskQueues });
  const ready = await get(`${address}/ready`);
  expect(ready).toEqual({ status: 200, text: expect.stringContaining('"problems":[]') });
  expect((await get(`${address}/elsewhere`)).status).toBe(404);
  expect((await get(`${address}/health`, { method: 'POST' })).status).toBe(405);

  // Of the six runs, the blank ones fail, each at its second step after three attempts.
  const handle = await fleet.start(
    {
      networks: [['HostedT2I', 'DummyI2T']],
      prompts: ['slow 50 a', 'slow 50 b', 'slow 50 c', 'slow 50 d', 'slow 50 e', 'blank'],
      seeds: [3],
      embedding_models: ['Dummy'],
      max_length: 2,
    },
    'observed',
  );
  expect(await handle.result()).toMatchObject({ finished: 5, failed: 1 });
  const { text } = await get(`${address}/metrics`);
  const answers = samplesOf(text, 'panic_tda_invocations_total');
  expect(answers).toContainEqual({ labels: 'model="Moondream"', value: 0 });
  expect(answers.filter(({ value: made }) => made > 0)).toEqual([
    { labels: 'model="DummyI2T"', value: 5 },
    { labels: 'model="HostedT2I"', value: 5 },
  ]);
  const value = (metric: string, labels: string): number | undefined =>
    samplesOf(text, metric).find((sample) => sample.labels === labels)?.value;
  // Five outputs and six prompts. Runs that end together may both embed the prompts.
  expect(value('panic_tda_vectors_total', 'model="Dummy"')).toBeGreaterThanOrEqual(5 + 6);
  expect(value('panic_tda_compute_seconds_count', 'model="HostedT2I"')).toBe(5);
  expect(value('panic_tda_compute_seconds_sum', 'model="HostedT2I"')).toBeGreaterThan(0.2);
  expect(value('panic_tda_batch_size_count', 'model="HostedT2I"')).toBe(5);
  expect(value('panic_tda_diagram_seconds_count', 'surrogate="false"')).toBe(5);
  expect(value('panic_tda_pool_waiting', 'model="HostedT2I"')).toBe(0);
  expect(value('panic_tda_model_resident', 'model="HostedT2I"')).toBe(1);
  expect(value('panic_tda_model_resident_bytes', 'model="HostedT2I"')).toBeGreaterThan(10 * 2 ** 20);
  expect(value('panic_tda_activity_failures_total', 'activity="advanceRun",kind="ModelOutputInvalid"')).toBe(
    3,
  );
  // The SDK's own metrics are there too.
  expect(text).toMatch(/^temporal_activity_execution_latency_seconds_count\{.*task_queue="panic-tda-gpu"/m);

  // The port is this worker's: another one does nothing.
  const { port } = new URL(address);
  expect(await fleet.command(['worker', '--queues', 'cpu', '--listen', port]).ended).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/another process has it; choose another port/),
  });

  service.hold();
  const [unready, scrape] = await Promise.all([get(`${address}/ready`), get(`${address}/metrics`)]);
  expect([unready.status, JSON.parse(unready.text)]).toEqual([
    503,
    expect.objectContaining({ problems: [expect.stringMatching(/^Temporal does not answer: /)] }),
  ]);
  expect(samplesOf(scrape.text, 'panic_tda_ready')).toEqual([{ labels: '', value: 0 }]);
  expect(samplesOf(scrape.text, 'panic_tda_ready_problems')).toEqual([{ labels: '', value: 1 }]);
});
