import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { summaryDocument } from '../../cli/documents/summary.js';
import { type Gate, gateIn } from '../support/gate.js';
import { invocationCount, withStore } from '../support/store-checks.js';
import { cleanUp, folderWith, startPanicTda, until } from '../support/cli-process.js';
import { processesWithArgument } from '../support/processes-with-argument.js';
import type { Running } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { z } from 'zod';

/**
 * Three runs that end only after the test has opened their gate, so that every command finds them under way. The
 * tests below tell one story and run in order.
 */
const EXPERIMENT = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a quiet harbour', 'a loud tower', 'rain'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 60,
};

const Status = z.looseObject({
  experiment: z.string(),
  invocations: z.number(),
  invocationsExpected: z.number(),
  invocationsHeld: z.number(),
  pausedAt: z.string().nullable(),
  runs: z.record(z.string(), z.number()),
});

let folder: string;
let gate: Gate;
let running: Running;
let id: string;
beforeAll(() => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
  gate = gateIn(folder);
});
afterAll(cleanUp);

async function status(): Promise<z.output<typeof Status>> {
  return Status.parse(await runJson(folder, ['status']));
}

function invocations(): number {
  return invocationCount(join(folder, 'panic-tda-data'));
}

async function untilMoreThan(before: number): Promise<void> {
  await until(
    gate.lettingThrough(() => invocations() > before),
    () => `\n${running.stderr()}`,
  );
}

function runsByStatus() {
  return withStore(join(folder, 'panic-tda-data'), (store) => store.experiments.runsByStatus(id));
}

/** The pauses without work, and the times of the first and the last step. */
function times() {
  return withStore(join(folder, 'panic-tda-data'), async (store) => {
    const { rests } = await store.experiments.get(id);
    return { rests, ...(await summaryDocument(store, id, { wallMs: null })) };
  });
}

/** Resolves with the number of invocations when no more come for a while, although the gate lets some through. */
async function untilStill(): Promise<number> {
  let before = -1;
  while (invocations() !== before) {
    before = invocations();
    gate.letThrough();
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  return before;
}

test('pause holds an experiment of another process, and status, list and run say so', async () => {
  running = startPanicTda(folder, ['run', 'experiment.json'], gate.env);
  await untilMoreThan(0);
  id = (await status()).experiment;
  const pause = await runCommand(folder, ['pause']);
  expect(pause).toMatchObject({ code: 0, stderr: '' });
  expect(pause.stdout).toContain(`Experiment ${id} is paused.`);
  expect(pause.stdout).toContain(`"npx panic-tda resume ${id}" lets it go on`);
  await until(() => /^Paused;/m.test(running.stderr()));
  await untilStill();
  expect(await status()).toMatchObject({
    status: 'paused',
    pausedAt: expect.any(String),
    invocationsPerSecond: null,
    etaMs: null,
  });
  expect(await runJson(folder, ['list'])).toMatchObject([{ id, state: 'paused' }]);
  const again = await runCommand(folder, ['pause', id]);
  expect(again.stdout).toContain('is paused already');
});

test('Ctrl-C ends a paused run with every process that it started, and the pause outlasts it: run starts nothing, and resume continues from there', async () => {
  const data = join(folder, 'panic-tda-data');
  const state = join(data, 'temporal', 'temporal.sqlite');
  const processes = (): number[] => [state, data].flatMap(processesWithArgument);
  // A server and two workers.
  expect(processes().length).toBeGreaterThanOrEqual(3);
  running.process.kill('SIGINT');
  const stopped = await running.ended;
  expect(stopped.stderr).toContain(`"npx panic-tda resume ${id}" continues`);
  expect(stopped.code).toBe(130);
  expect(processes()).toEqual([]);
  expect(existsSync(join(data, 'run.json'))).toBe(false);
  const made = invocations();
  const pausedAt = Date.parse((await status()).pausedAt!);
  const { lastInvocationAt } = await times();
  const run = await runCommand(folder, ['run', 'experiment.json']);
  expect(run.stderr).toMatch(/is paused since .*Nothing was done/);
  expect(run.code).toBe(3);
  expect((await runCommand(folder, ['status'])).stdout).toMatch(/status +paused since .*no process runs it/);
  running = startPanicTda(folder, ['resume'], gate.env);
  await untilMoreThan(made);
  expect(await status()).toMatchObject({ status: 'running', pausedAt: null });
  // The pause counts from the pause, or from the last step if that came later, to its end, however often a run
  // stopped and began meanwhile.
  const { rests, restedMs } = await times();
  expect(rests).toHaveLength(1);
  expect(rests[0]![0]).toBe(Math.min(pausedAt, lastInvocationAt!));
  expect(restedMs).toBe(rests[0]![1] - rests[0]![0]);
});

test('resume reaches a workflow that still waits although the rows have no pause any more', async () => {
  expect((await runCommand(folder, ['pause', id])).code).toBe(0);
  await until(() => /^Paused;/m.test(running.stderr()));
  const made = await untilStill();
  // A resume leaves the rows so while the service does not answer.
  await withStore(join(folder, 'panic-tda-data'), (store) =>
    store.experiments.setPaused(id, false, Date.now()),
  );
  const resume = await runCommand(folder, ['resume', id]);
  expect(resume).toMatchObject({ code: 0, stdout: expect.stringContaining(`Experiment ${id} goes on`) });
  await untilMoreThan(made);
});

test('one run is paused, another is cancelled, and the third continues', async () => {
  const pause = await runCommand(folder, ['pause', id, '--run', '1']);
  expect(pause.stdout).toContain(`Run 1 of experiment ${id} is paused.`);
  const cancel = await runCommand(folder, ['cancel', '--run', '2']);
  expect(cancel.stderr).toBe('');
  expect(cancel.stdout).toContain('Run 2 is cancelled');
  const held = await status();
  expect(held).toMatchObject({ status: 'running', pausedRuns: [1], runs: { cancelled: 1 } });
  // The missing invocations of these two runs.
  expect(held.invocationsHeld).toBeGreaterThan(60);
  expect(held.invocationsHeld).toBeLessThan(120);
  expect(held.invocationsHeld).toBeLessThan(held.invocationsExpected - held.invocations);
  expect((await runCommand(folder, ['status'])).stdout).toMatch(
    /^invocations .* of at most 180, \d+ of them held/m,
  );
  const bad = await runCommand(folder, ['pause', id, '--run', '3']);
  expect(bad.stderr).toContain('has no run 3; it has runs 0 to 2');
  expect(bad.code).toBe(2);
  const both = await runCommand(folder, ['pause', id, '--all']);
  expect(both.stderr).toContain('--all stands alone');
  expect(both.code).toBe(2);
  const failed = await runCommand(folder, ['retry', id, '--run', '2']);
  expect(failed.stderr).toContain('run 2');
  expect(failed.code).toBe(2);
  gate.open();
  await until(
    async () => (await runsByStatus()).finished === 1,
    () => `\n${running.stderr()}`,
  );
});

test('pause --all and resume --all reach all open experiments; resume --run resumes the single runs, and all complete', async () => {
  expect((await runCommand(folder, ['pause', '--all'])).stdout).toContain(`Experiment ${id} is paused.`);
  expect((await runCommand(folder, ['resume', '--all'])).stdout).toContain(`Experiment ${id} goes on.`);
  expect((await runCommand(folder, ['resume', id, '--run', '2'])).stdout).toContain('is held no longer');
  expect((await runCommand(folder, ['resume', id, '--run', '1'])).stdout).toContain('goes on');
  const { code, stdout, stderr } = await running.ended;
  expect(stderr).toContain('Paused;');
  expect(stdout).toMatch(/runs +3 finished/);
  expect(stdout).toMatch(/^invocations\/s .* \(without .* in which it was not at work\)$/m);
  expect(code).toBe(0);
  const { firstInvocationAt, lastInvocationAt, restedMs, invocationsPerSecond } = await times();
  const atWorkMs = lastInvocationAt! - firstInvocationAt! - restedMs;
  expect(invocationsPerSecond).toBeCloseTo((1000 * invocations()) / atWorkMs, 6);
  const pause = await runCommand(folder, ['pause', id]);
  expect(pause.stderr).toContain('there is nothing to pause');
  expect(pause.code).toBe(2);
  expect((await runCommand(folder, ['doctor'])).code).toBe(0);
});
