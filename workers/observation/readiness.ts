import type { Worker } from '@temporalio/worker';
import { clockAheadMs, clockText } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { errorMessage } from '../../common/errors.js';
import type { Catalogue } from '../../experiment/model.js';
import { explainUnready, unreadyAmong } from '../../models/index.js';
import { question } from '../temporal/question.js';
import { type KnownRoutes, routesRemarks } from '../settings/known-routes.js';
import { queueStates } from '../temporal/queue-states.js';
import { allQueues, type ModelRoutes, UNROUTED } from '../settings/routes.js';
import { refusal } from '../temporal/service-problems.js';
import type { OpenClient } from '../temporal/client.js';

interface Parts {
  readonly service: OpenClient;
  /** host:port of the Temporal service. */
  readonly address: string;
  readonly namespace: string;
  readonly store: Store;
  readonly workers: readonly Worker[];
  /** Names of the models that the user asked the worker to serve. */
  readonly models: readonly string[] | null;
  readonly catalogue: Catalogue;
  readonly modelsFolder: string;
  /** A sentence if the namespace lacks search attributes; null otherwise. */
  readonly unindexed: () => Promise<string | null>;
  /** A sentence if the tables are of a newer version to which this worker may write; null otherwise. */
  readonly newerTables: () => string | null;
  /** A sentence if the workflow code does not fit histories that the worker got; null otherwise. */
  readonly unfit: () => string | null;
  /** The routes by which the worker works, and those that hold now. */
  readonly routes: ModelRoutes;
  readonly routesNow: () => Promise<KnownRoutes>;
  /** Whether to remark on task queues that no worker serves. Workers with the queue `main` do. */
  readonly tellsQueues: boolean;
}

/**
 * Sentences: what keeps a worker from work at this moment, and what else a user should know. Neither answer
 * waits for the other.
 */
export interface Readiness {
  problems(): Promise<readonly string[]>;
  remarks(): Promise<readonly string[]>;
}

/** All questions are asked at once, since a probe or a scrape gives up after a few seconds. */
const ANSWER_WITHIN_MS = 2000;

/** Says, when asked, whether a worker is ready. It is ready if it has no problem. */
export function readinessOf(parts: Parts): Readiness {
  const { service, namespace, store, workers, catalogue, modelsFolder } = parts;
  const { client, connection } = service;
  const named = (parts.models ?? []).filter((name) => name !== UNROUTED).map((name) => catalogue.get(name)!);

  const ofService = <T>(ask: () => Promise<T>) =>
    bounded(async () => await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, ask));

  const askTemporal = ofService(() => connection.workflowService.describeNamespace({ namespace }));
  const askStore = bounded(() => store.experiments.find(''));
  const askUnindexed = ofService(parts.unindexed);
  const askClock = bounded(async () => clockText(await clockAheadMs(store.db)));
  const askRoutes = async () => routesRemarks(parts.routes, await parts.routesNow());
  const askQueues = ofService(unservedQueues);

  async function askModels(): Promise<void> {
    const unready = unreadyAmong(named, modelsFolder);
    if (unready.length === 0) return;
    throw new Error(explainUnready(unready, (...words) => ['panic-tda', ...words].join(' ')));
  }

  async function problems(): Promise<string[]> {
    const questions = [
      { asked: askTemporal(), problem: temporalProblem },
      { asked: askStore(), problem: withReason('the store does not answer') },
      { asked: askModels(), problem: withReason('models cannot be used') },
    ];
    const outcomes = await Promise.allSettled(questions.map(({ asked }) => asked));
    const unfit = parts.unfit();
    return [
      ...(unfit === null ? [] : [unfit]),
      ...workers
        .filter((worker) => worker.getState() === 'FAILED')
        .map(({ options }) => `it does not poll ${options.taskQueue} any more`),
      ...outcomes.flatMap((outcome, index) =>
        outcome.status === 'rejected' ? [questions[index]!.problem(outcome.reason)] : [],
      ),
    ];
  }

  async function remarks(): Promise<string[]> {
    // A Temporal service or a store that does not answer is a problem already.
    const [unindexed, clock, routes, queues] = await Promise.all([
      askUnindexed().catch(() => null),
      askClock().catch(() => null),
      askRoutes().catch(() => []),
      askQueues().catch(() => []),
    ]);
    const single = [unindexed, clock, parts.newerTables()].filter((sentence) => sentence !== null);
    return [...single, ...routes, ...queues];
  }

  /** A sentence for each queue where tasks wait and no worker asks for them. */
  async function unservedQueues(): Promise<string[]> {
    if (!parts.tellsQueues) return [];
    const routes = await parts.routesNow().then(
      (known) => known.routes,
      () => parts.routes,
    );
    const states = await queueStates(client, allQueues(routes));
    return states
      .filter(({ workers: asking, backlog }) => asking.length === 0 && backlog > 0)
      .map(
        ({ queue, backlog }) =>
          `no worker serves the task queue ${queue}, where tasks wait (${backlog}); "panic-tda doctor" tells how to start one`,
      );
  }

  function temporalProblem(error: unknown): string {
    return refusal(error, parts.address, namespace) ?? withReason('Temporal does not answer')(error);
  }

  return { problems, remarks };
}

/**
 * Bounds the time of a question. A service that stands still answers nothing for minutes, and the gRPC
 * client's deadline does not hold for a call that the client is about to repeat.
 */
function bounded<T>(ask: () => Promise<T>): () => Promise<T> {
  return question(ask, { withinMs: ANSWER_WITHIN_MS });
}

function withReason(what: string): (error: unknown) => string {
  return (error) => `${what}: ${errorMessage(error)}`;
}
