import { beforeAll, expect, test } from '@jest/globals';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExperimentResult } from '../../activities/index.js';
import { sideBySide } from '../support/side-by-side.js';
import { allRows, digestOf, violations } from '../support/store-checks.js';
import { takeNamespace } from '../support/suite-server.js';
import { startWorkerProcess } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { until } from '../support/child-processes.js';
import { untilFrozen } from '../support/frozen.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';
import { NULL_MODEL_EXPERIMENT, runExperiment } from './drill.js';

/**
 * A frozen worker that wakes learns within a heartbeat that its attempt is over. By then it has tried to write.
 */
const LATE_ATTEMPT_MS = 4000;
/**
 * Longer than the heartbeat time-out of 5 s, shorter than the 30 s that other workers wait for the lock of the
 * database.
 */
const FROZEN_IN_TRANSACTION_MS = 9000;

/**
 * Many short runs. The service hands tasks to a frozen worker until none of its polls is left, and each of them must time out. Many
 * runs at once take these polls sooner than few.
 */
const EXPERIMENT = {
  ...NULL_MODEL_EXPERIMENT,
  seeds: [3, 7, 11, 19],
  embedding_models: ['Dummy'],
  max_length: 6,
};

/** What the experiment and the store look like after a drill. */
interface Frozen {
  readonly status: string;
  readonly digest: string;
  readonly violations: readonly string[];
  readonly deaths: readonly string[];
}

type Rows = Record<string, unknown[]>;

/** An experiment of its own, and the workers that serve it. */
class Place {
  readonly data: string;
  readonly running: Promise<ExperimentResult>;
  private readonly folder: string;
  private readonly namespace = takeNamespace();
  private readonly workers: WorkerProcess[] = [];

  constructor(faults: readonly string[]) {
    this.folder = join(root, faults.join('-').replaceAll(/[^a-z0-9]+/gi, '-'));
    this.data = join(this.folder, 'data');
    mkdirSync(this.data, { recursive: true });
    this.running = runExperiment(this.namespace, EXPERIMENT, 'drill');
    this.running.catch(() => undefined);
  }

  /** Starts a worker, which freezes at the fault if there is one. Resolves when the worker is frozen. */
  async start(fault: string | null): Promise<void> {
    // In so short a run, the later activities have work only if every step and stage is handed over.
    const stepByStep = fault !== null && /^(embedding|diagram):/.test(fault);
    const marker = join(this.folder, `frozen-${this.workers.length}`);
    const env = {
      ...(stepByStep ? { PANIC_TDA_ACTIVITY_MS: '0' } : {}),
      ...(fault === null ? {} : { PANIC_TDA_FAULT: `${fault}@${marker}@stop` }),
    };
    const worker = startWorkerProcess({ namespace: this.namespace, data: this.data, env });
    this.workers.push(worker);
    if (fault === null) return;
    await until(`a worker is frozen at ${fault}`, () => existsSync(marker));
    await untilFrozen(worker.pid);
  }

  /** Wakes all workers. */
  wake(): void {
    for (const { pid } of this.workers) process.kill(pid, 'SIGCONT');
  }

  async outcome(): Promise<Frozen> {
    const { experiment, status } = await this.running;
    return {
      status,
      digest: await digestOf(this.data, experiment),
      violations: await violations(this.data),
      deaths: this.workers.flatMap(({ deaths }) => deaths),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }
}

/**
 * Starts one worker after another, each when the one before it is frozen. When the last worker has completed the
 * experiment, the frozen ones wake.
 */
async function withReplacedWorkers(
  faults: readonly string[],
): Promise<Frozen & { readonly before: Rows; readonly after: Rows }> {
  const place = new Place(faults);
  try {
    for (const fault of faults) await place.start(fault);
    await place.start(null);
    await place.running;
    const before = allRows(place.data);
    place.wake();
    await sleep(LATE_ATTEMPT_MS);
    return { before, after: allRows(place.data), ...(await place.outcome()) };
  } finally {
    await place.close();
  }
}

/** Runs an experiment with a worker that freezes in a transaction, and wakes while another worker waits for it. */
async function withHeldDatabase(fault: string): Promise<Frozen> {
  const place = new Place([fault]);
  try {
    await place.start(fault);
    await place.start(null);
    await sleep(FROZEN_IN_TRANSACTION_MS);
    place.wake();
    await place.running;
    await sleep(LATE_ATTEMPT_MS);
    return await place.outcome();
  } finally {
    await place.close();
  }
}

let root: string;

export interface FrozenFaults {
  /** Faults outside a transaction: those of workers that replace each other in one experiment. */
  readonly outside: readonly (readonly string[])[];
  readonly inTransaction: readonly string[];
}

async function expectUndisturbed({ status, digest, violations: found, deaths }: Frozen): Promise<void> {
  expect(status).toBe('completed');
  expect(digest).toBe(await undisturbedDigest(EXPERIMENT));
  expect(found).toEqual([]);
  expect(deaths).toEqual([]);
}

/** Makes a test for each of these experiments. */
export function testFrozenWorkers({ outside, inTransaction }: FrozenFaults): void {
  let replaced: (faults: string) => ReturnType<typeof withReplacedWorkers>;
  let held: (fault: string) => ReturnType<typeof withHeldDatabase>;

  beforeAll(() => {
    root = sharedTemporaryFolder();
    // The drills mostly wait for time-outs.
    replaced = sideBySide(
      3,
      outside.map((faults) => ({ name: faults.join(), task: () => withReplacedWorkers(faults) })),
    );
    held = sideBySide(
      2,
      inTransaction.map((fault) => ({ name: fault, task: () => withHeldDatabase(fault) })),
    );
  });

  test.each(outside.map((faults) => ({ faults, places: faults.join(', then one at ') })))(
    'a worker frozen at $places is replaced, and what it does when it wakes changes nothing',
    async ({ faults }) => {
      const frozen = await replaced(faults.join());
      await expectUndisturbed(frozen);
      expect(frozen.after).toEqual(frozen.before);
    },
  );

  test.each(inTransaction)(
    'a worker frozen at %s holds the database, and all workers continue when it wakes',
    async (fault) => {
      await expectUndisturbed(await held(fault));
    },
  );
}
