import type { Worker } from '@temporalio/worker';
import type { Store } from '../db/index.js';
import { errorMessage } from '../experiment/errors.js';
import type { Catalogue } from '../experiment/model.js';
import { explainUnready, unreadyAmong } from '../models/index.js';
import { question } from './question.js';
import { UNROUTED } from './routes.js';
import { refusal } from './service-problems.js';
import type { OpenClient } from './temporal-client.js';

interface Parts {
  readonly service: OpenClient;
  /** host:port of that service. */
  readonly address: string;
  readonly namespace: string;
  readonly store: Store;
  readonly workers: readonly Worker[];
  /** Names that the worker was told to serve. */
  readonly models: readonly string[] | null;
  readonly catalogue: Catalogue;
  readonly modelsFolder: string;
  /** A sentence where the namespace lacks search attributes; null otherwise. */
  readonly unindexed: () => Promise<string | null>;
  /** A sentence where the tables are of a newer version to which this worker may write; null otherwise. */
  readonly newerTables: () => string | null;
  /** A sentence where the workflow code does not fit histories that the worker was given; null otherwise. */
  readonly unfit: () => string | null;
}

/** What keeps a worker from doing work at this moment, and what is worth knowing besides: sentences. */
export interface Readiness {
  readonly problems: readonly string[];
  readonly remarks: readonly string[];
}

const ANSWER_WITHIN_MS = 2000;

/** Says, when asked, whether a worker is ready: no problem keeps it from work then. */
export function readinessOf(parts: Parts): () => Promise<Readiness> {
  const { service, namespace, store, workers, catalogue, modelsFolder } = parts;
  const named = (parts.models ?? []).filter((name) => name !== UNROUTED).map((name) => catalogue.get(name)!);

  async function askTemporal(): Promise<void> {
    const { connection } = service;
    await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => {
      await connection.workflowService.describeNamespace({ namespace });
    });
  }

  // A database that stands still answers nothing for minutes.
  const askStore = question(() => store.experiments.find(''), { withinMs: ANSWER_WITHIN_MS });

  async function askModels(): Promise<void> {
    const unready = unreadyAmong(named, modelsFolder);
    if (unready.length === 0) return;
    throw new Error(explainUnready(unready, (...words) => ['panic-tda', ...words].join(' ')));
  }

  return async () => {
    const questions = [
      { asked: askTemporal(), problem: temporalProblem },
      { asked: askStore(), problem: told('the store does not answer') },
      { asked: askModels(), problem: told('models cannot be used') },
    ];
    const outcomes = await Promise.allSettled(questions.map(({ asked }) => asked));
    const deadline = Date.now() + ANSWER_WITHIN_MS;
    // Where Temporal does not answer, that is a problem already.
    const remark = await service.connection.withDeadline(deadline, parts.unindexed).catch(() => null);
    const unfit = parts.unfit();
    return {
      problems: [
        ...(unfit === null ? [] : [unfit]),
        ...workers
          .filter((worker) => worker.getState() === 'FAILED')
          .map(({ options }) => `it does not poll ${options.taskQueue} any more`),
        ...outcomes.flatMap((outcome, index) =>
          outcome.status === 'rejected' ? [questions[index]!.problem(outcome.reason)] : [],
        ),
      ],
      remarks: [remark, parts.newerTables()].filter((sentence) => sentence !== null),
    };
  };

  function temporalProblem(error: unknown): string {
    return refusal(error, parts.address, namespace) ?? told('Temporal does not answer')(error);
  }
}

function told(what: string): (error: unknown) => string {
  return (error) => `${what}: ${errorMessage(error)}`;
}
