import type { Worker } from '@temporalio/worker';
import type { Store } from '../db/index.js';
import { errorMessage } from '../experiment/errors.js';
import type { Catalogue } from '../experiment/model.js';
import { explainUnready, unreadyAmong } from '../models/index.js';
import { UNROUTED } from './routes.js';
import type { OpenClient } from './temporal-client.js';

interface Parts {
  readonly service: OpenClient;
  readonly namespace: string;
  readonly store: Store;
  readonly workers: readonly Worker[];
  /** Names that the worker was told to serve. */
  readonly models: readonly string[] | null;
  readonly catalogue: Catalogue;
  readonly modelsFolder: string;
}

const ANSWER_WITHIN_MS = 2000;

/** Says, when asked, what keeps a worker from doing work at this moment: sentences, none where it is ready. */
export function readinessOf(parts: Parts): () => Promise<string[]> {
  const { service, namespace, store, workers, catalogue, modelsFolder } = parts;
  const named = (parts.models ?? []).filter((name) => name !== UNROUTED).map((name) => catalogue.get(name)!);

  async function askTemporal(): Promise<void> {
    const { connection } = service;
    await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => {
      await connection.workflowService.describeNamespace({ namespace });
    });
  }

  async function askStore(): Promise<void> {
    await store.experiments.find('');
  }

  async function askModels(): Promise<void> {
    const unready = unreadyAmong(named, modelsFolder);
    if (unready.length === 0) return;
    throw new Error(explainUnready(unready, (...words) => ['panic-tda', ...words].join(' ')));
  }

  return async () => {
    const questions = [
      { otherwise: 'Temporal does not answer', asked: askTemporal() },
      { otherwise: 'the store does not answer', asked: askStore() },
      { otherwise: 'models cannot be used', asked: askModels() },
    ];
    const outcomes = await Promise.allSettled(questions.map(({ asked }) => asked));
    return [
      ...workers
        .filter((worker) => worker.getState() === 'FAILED')
        .map(({ options }) => `it does not poll ${options.taskQueue} any more`),
      ...outcomes.flatMap((outcome, index) =>
        outcome.status === 'rejected'
          ? [`${questions[index]!.otherwise}: ${errorMessage(outcome.reason)}`]
          : [],
      ),
    ];
  };
}
