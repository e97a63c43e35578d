import { errorMessage, errorName } from '../../common/errors.js';
import { parentPort } from 'node:worker_threads';
import type { ComputedDiagram } from '../../activities/index.js';
import { barStatistics, ripsPersistence, surrogate } from '../../tda/index.js';
import type { DiagramFailure, DiagramOrder, DiagramReply } from './protocol.js';

function say(reply: DiagramReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(reply, transfer);
}

/** Judges by name, since an error loses its class on its way between threads. */
function kindOf(error: unknown): DiagramFailure {
  switch (errorName(error)) {
    case 'TdaInputError':
      return 'InvalidInput';
    case 'TdaMemoryError':
      return 'ResourceLimit';
    default:
      return null;
  }
}

async function compute({
  points: observed,
  dimension,
  maxDimension,
  maxEdgeLength,
  surrogate: made,
  threads,
  memoryBytes,
}: DiagramOrder): Promise<ComputedDiagram> {
  const started = performance.now();
  const points = made === null ? observed : surrogate(observed, dimension, made.kind, made.seed);
  const { diagrams, distinctPointCount, edgeCount } = await ripsPersistence(
    { points, dimension },
    {
      maxDimension,
      threads,
      maxMemoryBytes: memoryBytes,
      maxEdgeLength: maxEdgeLength ?? Infinity,
      onProgress: (done, of) => say({ type: 'progress', done, of }),
    },
  );
  const dimensions = diagrams.map((bars) => ({ bars, statistics: barStatistics(bars) }));
  return { distinctPointCount, edgeCount, dimensions, computeMs: performance.now() - started };
}

parentPort?.on('message', (order: DiagramOrder) => {
  compute(order).then(
    (diagram) => say({ type: 'computed', diagram }),
    (error: unknown) =>
      say({
        type: 'failed',
        message: errorMessage(error),
        kind: kindOf(error),
      }),
  );
});
