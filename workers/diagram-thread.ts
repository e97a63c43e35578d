import { errorMessage } from '../experiment/errors.js';
import { parentPort } from 'node:worker_threads';
import type { ComputedDiagram } from '../activities/index.js';
import { persistenceEntropy, ripsPersistence, surrogate, TdaInputError } from '../tda/index.js';
import type { DiagramOrder, DiagramReply } from './diagram-protocol.js';

const PROGRESS_INTERVAL_MS = 100;

function say(reply: DiagramReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(reply, transfer);
}

async function compute({
  points: observed,
  dimension,
  maxDimension,
  maxEdgeLength,
  surrogate: made,
  threads,
}: DiagramOrder): Promise<ComputedDiagram> {
  const started = performance.now();
  const points = made === null ? observed : surrogate(observed, dimension, made.kind, made.seed);
  let told = started;
  const { diagrams, distinctPointCount, edgeCount } = await ripsPersistence(
    { points, dimension },
    {
      maxDimension,
      threads,
      maxEdgeLength: maxEdgeLength ?? Infinity,
      onProgress(done, of) {
        const now = performance.now();
        if (now - told < PROGRESS_INTERVAL_MS) return;
        told = now;
        say({ type: 'progress', done, of });
      },
    },
  );
  const dimensions = diagrams.map((bars) => ({ bars, entropy: persistenceEntropy(bars) }));
  return { distinctPointCount, edgeCount, dimensions, computeMs: performance.now() - started };
}

parentPort?.on('message', (order: DiagramOrder) => {
  compute(order).then(
    (diagram) => say({ type: 'computed', diagram }),
    (error: unknown) =>
      say({
        type: 'failed',
        message: errorMessage(error),
        invalid: error instanceof TdaInputError,
      }),
  );
});
