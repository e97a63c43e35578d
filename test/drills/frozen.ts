import { beforeAll, expect, test } from '@jest/globals';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExperimentResult } from '../../activities/index.js';
import { sideBySide } from '../support/side-by-side.js';
import { allRows, digestOf, violations } from '../support/store-checks.js';
import { takeNamespace } from '../support/suite-server.js';
import { startWorkerProcess } from '../support/worker-process.js';
import { until } from '../support/child-processes.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { drill, DRILL_EXPERIMENT, NULL_MODEL_EXPERIMENT, runExperiment } from './drill.js';

/**
 * A frozen worker that wakes learns within a heartbeat that its attempt is over. By then it has tried to write.
 */
const LATE_ATTEMPT_MS = 4000;
/**
 * Longer than the heartbeat time-out of 5 s, shorter than the 30 s that other workers wait for the lock of the
 * database.
 */
const FROZEN_IN_TRANSACTION_MS = 9000;

interface Frozen {
  readonly data: string;
  readonly result: ExperimentResult;
  readonly digest: string;
  readonly violations: readonly string[];
  readonly deaths: readonly string[];
  readonly before: Record<string, unknown[]>;
  readonly after: Record<string, unknown[]>;
}

function experimentFor(fault: string): unknown {
  return fault.startsWith('surrogate:') ? NULL_MODEL_EXPERIMENT : DRILL_EXPERIMENT;
}

/** Runs an experiment with a worker that freezes at the fault, and then starts another worker. */
async function withFrozenWorker(
  fault: string,
  thaw: 'when the experiment is complete' | 'while others wait',
): Promise<Frozen> {
  const folder = join(root, fault.replaceAll(/[^a-z0-9]+/gi, '-'));
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const marker = join(folder, 'fired');
  const namespace = takeNamespace();
  // In so short a run, the later activities have work only if every step and stage is handed over.
  const env = { PANIC_TDA_ACTIVITY_MS: /^(embedding|diagram):/.test(fault) ? '0' : '' };
  const first = startWorkerProcess({
    namespace,
    data,
    env: { ...env, PANIC_TDA_FAULT: `${fault}@${marker}@stop` },
  });
  const running = runExperiment(namespace, experimentFor(fault));
  running.catch(() => undefined);
  await until('the worker is frozen', () => existsSync(marker), 60_000);
  const second = startWorkerProcess({ namespace, data, env });
  try {
    if (thaw === 'while others wait') {
      await sleep(FROZEN_IN_TRANSACTION_MS);
      process.kill(first.pid, 'SIGCONT');
    }
    const result = await running;
    const before = allRows(data);
    if (thaw === 'when the experiment is complete') process.kill(first.pid, 'SIGCONT');
    await sleep(LATE_ATTEMPT_MS);
    return {
      data,
      result,
      before,
      after: allRows(data),
      digest: await digestOf(data, result.experiment),
      violations: await violations(data),
      deaths: [...first.deaths, ...second.deaths],
    };
  } finally {
    await Promise.all([first.stop(), second.stop()]);
  }
}

// The drills mostly wait for time-outs.
const SIDE_BY_SIDE = 6;

let root: string;

export interface FrozenFaults {
  /** Faults outside a transaction. */
  readonly outside: readonly string[];
  readonly inTransaction: readonly string[];
}

/** Makes a test for each of these faults. */
export function testFrozenWorkers({ outside, inTransaction }: FrozenFaults): void {
  /** By experiment. */
  const undisturbedDigests = new Map<string, string>();
  let outcome: (fault: string) => Promise<Frozen>;

  beforeAll(async () => {
    root = sharedTemporaryFolder();
    outcome = sideBySide(SIDE_BY_SIDE, [
      ...outside.map((fault) => ({
        name: fault,
        task: () => withFrozenWorker(fault, 'when the experiment is complete'),
      })),
      ...inTransaction.map((fault) => ({
        name: fault,
        task: () => withFrozenWorker(fault, 'while others wait'),
      })),
    ]);
    const undisturbed = [
      await drill('undisturbed', null),
      await drill('undisturbed with a null model', null, { file: NULL_MODEL_EXPERIMENT }),
    ];
    for (const { data, result } of undisturbed) {
      undisturbedDigests.set(result.experiment, await digestOf(data, result.experiment));
    }
  }, 300_000);

  test.each(outside)(
    'a worker frozen at %s is replaced, and what it does when it wakes changes nothing',
    async (fault) => {
      const frozen = await outcome(fault);
      expect(frozen.result.status).toBe('completed');
      expect(frozen.digest).toBe(undisturbedDigests.get(frozen.result.experiment));
      expect(frozen.after).toEqual(frozen.before);
      expect(frozen.violations).toEqual([]);
      expect(frozen.deaths).toEqual([]);
    },
  );

  test.each(inTransaction)(
    'a worker frozen at %s holds the database, and all workers continue when it wakes',
    async (fault) => {
      const frozen = await outcome(fault);
      expect(frozen.result.status).toBe('completed');
      expect(frozen.digest).toBe(undisturbedDigests.get(frozen.result.experiment));
      expect(frozen.violations).toEqual([]);
      expect(frozen.deaths).toEqual([]);
    },
  );
}
