import type { Client } from '@temporalio/client';
import { awaitedMs } from '../../db/index.js';
import type { AwaitedStep, Store } from '../../db/index.js';
import { type Gauge, gaugeBy, type Gauges } from './gauges.js';
import { queueStates } from '../temporal/queue-states.js';

/**
 * Gauges of rows and task queues, which belong to no single worker. Every worker with the queue `main`
 * reports the same values, so that they exist while one such worker does.
 */

/** The service may be away. */
const ANSWER_WITHIN_MS = 2500;

/**
 * Less than the usual pause between two scrapes, so that each scrape has new values; long enough to serve
 * several programs that scrape.
 */
const KEPT_MS = 10_000;

/**
 * Values are kept for this many times the time that reading took. So counting a store of any size takes at
 * most 5 % of the time of one connection.
 */
const KEPT_TIMES = 20;

/** Gauges of the rows of the store. */
export function storeGauges({ figures }: Pick<Store, 'figures'>): Gauges {
  const ages = stepAges();
  return {
    source: 'store',
    keptMs: KEPT_MS,
    keptTimes: KEPT_TIMES,
    async read() {
      const { experiments, runs, openRuns, awaited, migrations, bytes } = await figures.whole();
      return [
        gaugeBy('panic_tda_experiments', 'Experiments in the database, by status', 'status', experiments),
        gaugeBy('panic_tda_runs', 'Runs of all experiments in the database, by status', 'status', runs),
        gaugeBy(
          'panic_tda_open_runs',
          'Runs that are still to be done, of experiments that no user holds',
          'status',
          openRuns,
        ),
        {
          name: 'panic_tda_last_step_age_seconds',
          help: 'Time since an experiment of which a step is awaited stored one, or ended a run, pauses left out',
          samples: ages(awaited).map(({ experiment, seconds }) => ({
            labels: { experiment },
            value: seconds,
          })),
        },
        {
          name: 'panic_tda_database_migrations',
          help: 'Migrations that made the tables of the database',
          samples: [{ value: migrations }],
        },
        {
          name: 'panic_tda_database_bytes',
          help: 'Size of the database, without objects',
          samples: [{ value: bytes }],
        },
      ];
    },
  };
}

/**
 * For how long each experiment has stored nothing. The clocks of the machines that wrote the rows give their
 * times. Once this process has seen such a time change, it uses its own clock if that makes the age smaller.
 */
function stepAges() {
  let seen = new Map<string, { readonly since: number; readonly changedAt: number | null }>();
  return (awaited: readonly AwaitedStep[]) => {
    const now = performance.now();
    const before = seen;
    seen = new Map();
    return awaited.map((step) => {
      const { experiment, since } = step;
      const last = before.get(experiment);
      const changedAt = last === undefined ? null : last.since === since ? last.changedAt : now;
      seen.set(experiment, { since, changedAt });
      const byRows = awaitedMs(step, Date.now());
      const ms = changedAt === null ? byRows : Math.min(byRows, now - changedAt);
      return { experiment, seconds: ms / 1000 };
    });
  };
}

/** Gauges of task queues, also of those that no worker polls. */
export function queueGauges(client: Client, queues: () => Promise<readonly string[]>): Gauges {
  return {
    source: 'queues',
    keptMs: KEPT_MS,
    async read() {
      const names = await queues();
      const all = await client.withDeadline(Date.now() + ANSWER_WITHIN_MS, () => queueStates(client, names));
      const gauge = (
        name: string,
        help: string,
        value: (state: (typeof all)[number]) => number | null,
      ): Gauge => ({
        name,
        help,
        samples: all.flatMap((state) => {
          const one = value(state);
          return one === null ? [] : [{ labels: { task_queue: state.queue }, value: one }];
        }),
      });
      return [
        gauge('panic_tda_queue_backlog', 'Tasks that wait in a task queue, about', ({ backlog }) => backlog),
        gauge(
          'panic_tda_queue_pollers',
          'Workers that asked a task queue for work lately',
          ({ workers }) => workers.length,
        ),
        gauge(
          'panic_tda_queue_wait_seconds',
          'For how long the oldest task of a task queue has waited; 0 where none does',
          ({ waitingSince }) => (waitingSince === null ? 0 : Math.max(0, Date.now() - waitingSince) / 1000),
        ),
        gauge(
          'panic_tda_queue_passed_over',
          '1 where the work of a task queue is for another version than all workers that ask for it',
          ({ passedOver }) => (passedOver === null ? 0 : 1),
        ),
      ];
    },
  };
}
