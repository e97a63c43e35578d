import { afterAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { experimentId } from '../../experiment/ids.js';
import { summaryDocument } from '../../cli/documents/summary.js';
import { config, finishExperiment, NOW } from '../support/small-experiment.js';
import { withStore } from '../support/store-checks.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { finishedIn } from '../support/built-in-experiment.js';
import { runCommand } from '../support/standing-program.js';
import { dummyConfig } from '../support/stored-run.js';

afterAll(cleanUp);

test('the summary lists the first failed runs, says how many it leaves out, and reads no others', async () => {
  const folder = folderWith();
  const many = { ...config, seeds: Array.from({ length: 600 }, () => -1) };
  const id = experimentId(many);
  await withStore(join(folder, 'data'), async (store) => {
    await store.experiments.plan(id, many, NOW);
    store.db.sqlite
      .exec(`update runs set status = 'failed', error_kind = 'Error', error_message = 'run ' || run_index
      where run_index >= 10`);
    const { failures, failuresLeftOut, runs } = await summaryDocument(store, id, { wallMs: null });
    expect([failures.length, failures[0], failuresLeftOut, runs.failed]).toEqual([
      1000,
      { run: 10, kind: 'Error', message: 'run 10' },
      190,
      1190,
    ]);
  });
});

test('the pace counts only the time in which the experiment was at work', async () => {
  const folder = folderWith();
  await withStore(join(folder, 'data'), async (store) => {
    const id = await finishExperiment(store);
    const whole = await summaryDocument(store, id, { wallMs: null });
    const spanMs = whole.lastInvocationAt! - whole.firstInvocationAt!;
    expect(whole.restedMs).toBe(0);
    const rests = JSON.stringify([[NOW + 1, NOW + 4]]);
    store.db.sqlite.prepare('update experiments set rests = ?').run(rests);
    const { restedMs, invocationsPerSecond } = await summaryDocument(store, id, { wallMs: null });
    expect(restedMs).toBe(3);
    expect(invocationsPerSecond).toBeCloseTo((whole.invocationsPerSecond! * spanMs) / (spanMs - 3));
  });
});

test('after an experiment with failed runs, the next command is retry', async () => {
  const file = { ...dummyConfig, name: 'settled' };
  const folder = folderWith({ 'experiment.json': file });
  const data = join(folder, 'panic-tda-data');
  const id = await finishedIn(data, file);
  await withStore(data, (store) =>
    store.db.sqlite.exec(`update runs set status = 'failed', error_kind = 'Error', error_message = 'no';
      update experiments set status = 'completed_with_failures'`),
  );
  const { stdout } = await runCommand(folder, ['run', 'experiment.json']);
  expect(stdout).toMatch(new RegExp(`^Next\\n  npx panic-tda retry ${id} `, 'm'));
});
