import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, folderWith, startPanicTda } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import type { Ended } from '../support/cli-process.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';
import { ListDocument } from '../support/documents.js';

/** Run 0 meets a blank caption and fails. Run 1 reaches its end. */
const EXPERIMENT = {
  name: 'one of two',
  networks: [['DummyT2I', 'EmptyCaptionI2T']],
  prompts: ['a quiet harbour'],
  seeds: [13, 1],
  embedding_models: ['Dummy'],
  max_length: 30,
};

const Summary = z.object({
  experiment: z.string(),
  status: z.string(),
  failures: z.array(z.object({ run: z.number(), kind: z.string() })),
});

const ShownRun = z.object({
  trajectory: z.array(
    z.object({
      sequence: z.number(),
      model: z.string(),
      text: z.string().optional(),
      object: z.string().optional(),
    }),
  ),
  failures: z.array(z.object({ attempt: z.number(), kind: z.string() })),
  diagrams: z.array(
    z.object({
      distinctPoints: z.number(),
      bettiThresholds: z.array(z.number()),
      dimensions: z.array(
        z.object({
          bars: z.array(z.tuple([z.number(), z.number().nullable()])),
          bettiCurve: z.array(z.number()),
        }),
      ),
    }),
  ),
});

let folder: string;
let run: Ended;
let summary: z.output<typeof Summary>;
let worker: WorkerProcess;
let service: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
  const namespace = takeNamespace();
  worker = startWorkerProcess({ namespace, data: join(folder, 'panic-tda-data') });
  service = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: namespace };
  run = await runCommand(folder, ['run', 'experiment.json', '--json'], service);
  summary = readJson(run.stdout, Summary);
});
afterAll(() => worker.stop());
afterAll(cleanUp);

async function shownRun(run: number): Promise<z.output<typeof ShownRun>> {
  return ShownRun.parse(await runJson(folder, ['show', summary.experiment, `${run}`]));
}

test('run --json prints one document, and exit code 1 reports the failed run', () => {
  expect(run.code).toBe(1);
  expect(summary.status).toBe('completed_with_failures');
  expect(summary.failures).toMatchObject([{ run: 0, kind: 'ModelOutputInvalid' }]);
  expect(run.stderr).toContain(`Temporal service: ${suiteAddress()}`);
  expect(run.stderr).toContain(`npx panic-tda status ${summary.experiment}`);
});

test('run again finds nothing left to do, and starts no server for that', async () => {
  const { code, stdout, stderr } = await runCommand(folder, ['run', 'experiment.json']);
  expect(stderr).toContain(`"npx panic-tda retry ${summary.experiment}" runs its 1 failed run again`);
  expect(stderr).not.toMatch(/Web UI/);
  expect(stdout).toMatch(/runs +1 finished, 1 failed/);
  expect(code).toBe(1);
});

test('list and status say how the experiment ended', async () => {
  const [entry] = ListDocument.parse(await runJson(folder, ['list']));
  expect(entry).toMatchObject({
    id: summary.experiment,
    state: 'completed_with_failures',
    runs: 2,
    finished: 1,
  });
  const status = await runJson(folder, ['status']);
  expect(status).toMatchObject({
    experiment: summary.experiment,
    status: 'completed_with_failures',
    stage: 'ended',
    runs: { finished: 1, failed: 1, running: 0, pending: 0 },
    diagrams: 1,
    lastFailure: { run: 0, stage: 'invocation', sequence: 1, kind: 'ModelOutputInvalid' },
  });
  expect((await runCommand(folder, ['status'])).stdout).toMatch(
    /last error +run 0, invocation 1: ModelOutputInvalid/,
  );
});

test('show has a line for each run with its entropies', async () => {
  const { code, stdout } = await runCommand(folder, ['show', summary.experiment.slice(0, 5)]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ +0 +0 +13 +failed +1 +ModelOutputInvalid +- +- +- +a quiet harbour$/m);
  expect(stdout).toMatch(
    /^ +1 +0 +1 +finished +\d+ +(length|cycle of \d+) +\d\.\d{3} +\d\.\d{3} +\d\.\d{3} +a quiet/m,
  );
});

describe('show of one run', () => {
  test('has the trajectory, alternating between objects that exist and texts', async () => {
    const { trajectory, failures } = await shownRun(1);
    expect(failures).toEqual([]);
    expect(trajectory.map(({ sequence }) => sequence)).toEqual(trajectory.map((_, k) => k));
    for (const { model, text, object } of trajectory) {
      if (model === 'DummyT2I') expect(existsSync(object!)).toBe(true);
      else expect(text).toMatch(/^\w+ \w+ \w+$/);
    }
  });

  test('has every bar, with null for infinity, and Betti curves that count them', async () => {
    const { diagrams } = await shownRun(1);
    expect(diagrams).toHaveLength(1);
    const { dimensions, distinctPoints, bettiThresholds } = diagrams[0]!;
    expect(dimensions).toHaveLength(3);
    expect(dimensions[0]!.bars).toHaveLength(distinctPoints);
    expect(dimensions[0]!.bars.filter(([, death]) => death === null)).toHaveLength(1);
    expect(bettiThresholds).toHaveLength(101);
    for (const { bars, bettiCurve } of dimensions) {
      const counted = bettiThresholds.map(
        (t) => bars.filter(([birth, death]) => birth <= t && t < (death ?? Infinity)).length,
      );
      expect(bettiCurve).toEqual(counted);
    }
    // At the last threshold all points are connected.
    expect(dimensions[0]!.bettiCurve.at(-1)).toBe(1);
  });

  test('has the log of failures', async () => {
    const { failures } = await shownRun(0);
    expect(failures.map(({ attempt, kind }) => [attempt, kind])).toEqual(
      Array.from({ length: 3 }, () => [1, 'ModelOutputInvalid']),
    );
    const { stdout } = await runCommand(folder, ['show', summary.experiment, '0']);
    expect(stdout).toMatch(/Failed attempts/);
  });

  test('is refused for a run that the experiment lacks, with the runs that it has', async () => {
    const { code, stderr } = await runCommand(folder, ['show', summary.experiment, '2']);
    expect(stderr).toMatch(/has no run "2"; its runs are 0 to 1/);
    expect(code).toBe(2);
  });
});

test('plan takes the time of the models from history, and names what is stored', async () => {
  const plan = await runJson(folder, ['plan', 'experiment.json']);
  expect(plan).toMatchObject({
    stored: { status: 'completed_with_failures', diagrams: 1 },
    modelsWithoutHistory: [],
    knownModelMs: expect.any(Number),
  });
});

test('a reader that goes away ends the output without an error', async () => {
  const running = startPanicTda(folder, ['show', summary.experiment, '1']);
  running.process.stdout!.destroy();
  const { code, stderr } = await running.ended;
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

test('cancel refuses an experiment that has ended', async () => {
  const { code, stderr } = await runCommand(folder, ['cancel', summary.experiment]);
  expect(stderr).toMatch(/is not running, so there is nothing to cancel: it is completed with failures/);
  expect(code).toBe(2);
});

test('retry runs the failed run again and keeps the log of both tries', async () => {
  const { code, stderr } = await runCommand(folder, ['retry', summary.experiment], service);
  expect(stderr).toMatch(/Retrying 1 failed run\./);
  expect(code).toBe(1);
  const { failures } = await shownRun(0);
  expect(failures.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 2, 2, 2]);
});

test('doctor finds nothing wrong with the rows, and names a missing object with exit code 1', async () => {
  expect((await runCommand(folder, ['doctor'])).code).toBe(0);
  const { trajectory } = await shownRun(1);
  rmSync(trajectory[0]!.object!);
  const { code, stdout } = await runCommand(folder, ['doctor']);
  expect(stdout).toMatch(/FAIL +artifacts \d+: /);
  expect(stdout).toMatch(/invariant 5/);
  expect(code).toBe(1);
});
