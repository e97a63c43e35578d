import type { ActivityInterceptorsFactory, RuntimeOptions } from '@temporalio/worker';
import type { MetricMeter } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { DiagramComputer } from '../../activities/index.js';
import type { AttemptFailure } from '../../activities/failure-kinds.js';
import { errorName, FAILURE_KINDS } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import type { ModelPool } from '../../models/index.js';

/** Metrics of a worker's own work. The SDK adds those of tasks, slots, polls and requests. */
export interface WorkerMetrics {
  /** The same pool, with its answers counted. */
  watchModels(pool: ModelPool): ModelPool;
  watchDiagrams(diagrams: DiagramComputer): DiagramComputer;
  /** Counts attempts of activities, and failed attempts by kind. */
  readonly activities: ActivityInterceptorsFactory;
  /**
   * Shows the counters of this worker at zero. Prometheus sees an increase only if it saw the counter before
   * (https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics).
   */
  begin(counted: Counted): void;
  /** Counts a source of gauges that a scrape could not read. */
  missed(source: string): void;
  /** Updates the gauges of the pool's models; call it before each scrape. */
  sample(): void;
}

/** The labels that the counters of a worker can have. */
export interface Counted {
  readonly models: readonly Model[];
  readonly activities: readonly string[];
  /** Sources of gauges. */
  readonly sources: readonly string[];
}

/**
 * Kinds of failure that come from the store: rows that disagree, a store that cannot be reached, errors of
 * its drivers.
 */
const STORE_ERRORS: ReadonlySet<string> = new Set([
  'StoreConflict',
  'StoreUnavailable',
  'SqliteError',
  'DrizzleQueryError',
  'DatabaseError',
]);

/** Kinds of failed attempts that are known in advance. Errors of other programs may have any name. */
const KINDS: readonly string[] = [
  ...new Set([
    ...FAILURE_KINDS,
    ...STORE_ERRORS,
    'WorkerShutdown' satisfies AttemptFailure,
    'CancelledFailure',
  ]),
];

const COMPUTE = 'panic_tda_compute_seconds';
const BATCH = 'panic_tda_batch_size';
const DIAGRAM = 'panic_tda_diagram_seconds';

/** Options for `Runtime.install`: the SDK's exporter serves `/metrics` at this address of this machine. */
export function prometheusTelemetry(bindAddress: string): NonNullable<RuntimeOptions['telemetryOptions']> {
  return {
    metrics: {
      prometheus: {
        bindAddress,
        countersTotalSuffix: true,
        unitSuffix: true,
        useSecondsForDurations: true,
        histogramBucketOverrides: {
          [COMPUTE]: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
          [BATCH]: [1, 2, 4, 8, 16, 32, 64],
          [DIAGRAM]: [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000],
        },
      },
    },
  };
}

/** Creates our metrics through the SDK's meter, so that one exporter has both. */
export function createWorkerMetrics(meter: MetricMeter): WorkerMetrics {
  const invocations = meter.createCounter(
    'panic_tda_invocations',
    '',
    'Answers of generative models, by model',
  );
  const vectors = meter.createCounter(
    'panic_tda_vectors',
    '',
    'Vectors that embedding models made, by model',
  );
  const compute = meter.createHistogram(
    COMPUTE,
    'float',
    '',
    'Time that models took for a call, of a batch its share',
  );
  const batches = meter.createHistogram(
    BATCH,
    'int',
    '',
    'Inputs that were computed together with an invocation',
  );
  const waiting = meter.createGauge('panic_tda_pool_waiting', 'int', '', 'Calls that wait for a model');
  const computing = meter.createGauge('panic_tda_pool_computing', 'int', '', 'Calls that a model computes');
  const resident = meter.createGauge(
    'panic_tda_model_resident',
    'int',
    '',
    '1 where the process of a model is loaded',
  );
  const memory = meter.createGauge(
    'panic_tda_model_resident_bytes',
    'int',
    '',
    'Memory of the process of a model after its last batch; its estimate before the first',
  );
  const diagrams = meter.createHistogram(DIAGRAM, 'float', '', 'Time from asking for a diagram to having it');
  const attempts = meter.createCounter(
    'panic_tda_activity_attempts',
    '',
    'Attempts of activities that ended, however they did',
  );
  const failures = meter.createCounter(
    'panic_tda_activity_failures',
    '',
    'Attempts of activities that failed, by kind; WorkerShutdown is work that was given back',
  );
  const storeErrors = meter.createCounter(
    'panic_tda_store_errors',
    '',
    'Errors that the store gave, by kind',
  );
  const scrapeErrors = meter.createCounter(
    'panic_tda_scrape_errors',
    '',
    'Scrapes for which a source of gauges gave no answer in time, by source',
  );
  let watched: ModelPool | null = null;

  return {
    watchModels(pool) {
      watched = pool;
      return {
        async generate(model, input, seed, signal) {
          const generated = await pool.generate(model, input, seed, signal);
          invocations.add(1, { model });
          compute.record(generated.computeMs / 1000, { model });
          batches.record(generated.batchSize, { model });
          return generated;
        },
        async embed(model, inputs, signal) {
          const embedded = await pool.embed(model, inputs, signal);
          vectors.add(inputs.length, { model });
          compute.record(embedded.computeMs / 1000, { model });
          return embedded;
        },
        activity: () => pool.activity(),
        close: () => pool.close(),
      };
    },
    watchDiagrams: (computer) => ({
      requireMemory: (size) => computer.requireMemory(size),
      async compute(request, onProgress, signal) {
        const started = performance.now();
        const diagram = await computer.compute(request, onProgress, signal);
        diagrams.record((performance.now() - started) / 1000, { surrogate: request.surrogate !== null });
        return diagram;
      },
    }),
    activities: ({ info }) => ({
      inbound: {
        async execute(input, next) {
          try {
            return await next(input);
          } catch (error) {
            const kind = kindOf(error);
            failures.add(1, { activity: info.activityType, kind });
            if (STORE_ERRORS.has(kind)) storeErrors.add(1, { kind });
            throw error;
          } finally {
            attempts.add(1, { activity: info.activityType });
          }
        },
      },
    }),
    begin({ models, activities, sources }) {
      for (const { name: model, kind } of models)
        (kind === 'generative' ? invocations : vectors).add(0, { model });
      for (const activity of activities) {
        attempts.add(0, { activity });
        for (const kind of KINDS) failures.add(0, { activity, kind });
      }
      for (const kind of STORE_ERRORS) storeErrors.add(0, { kind });
      for (const source of sources) scrapeErrors.add(0, { source });
    },
    missed: (source) => scrapeErrors.add(1, { source }),
    sample() {
      for (const { model, residentMiB, ...calls } of watched?.activity() ?? []) {
        waiting.set(calls.waiting, { model });
        computing.set(calls.computing, { model });
        resident.set(residentMiB === null ? 0 : 1, { model });
        memory.set(Math.round((residentMiB ?? 0) * 2 ** 20), { model });
      }
    },
  };
}

function kindOf(error: unknown): string {
  return error instanceof ApplicationFailure ? (error.type ?? 'Error') : errorName(error);
}
