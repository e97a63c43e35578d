import { afterEach, expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import type { DiagramRequest } from '../../activities/index.js';
import { createDiagramPool, predictDiagramBytes } from '../../workers/diagrams/pool.js';
import type { DiagramPool } from '../../workers/diagrams/pool.js';
import { threeSimplices } from '../support/point-clouds.js';

let pool: DiagramPool | undefined;
afterEach(() => pool?.close());

const request: DiagramRequest = {
  ...threeSimplices(36),
  maxDimension: 2,
  maxEdgeLength: null,
  surrogate: null,
};
const predicted = predictDiagramBytes(108, 2, 108);

function compute(diagrams: DiagramPool) {
  return diagrams.compute(request, () => undefined, new AbortController().signal);
}

test('diagrams that need more memory than predicted are made with all the memory', async () => {
  pool = createDiagramPool({ threads: 2, memoryBytes: 2 * predicted });
  const [first, second] = await Promise.all([compute(pool), compute(pool)]);
  expect(first.dimensions[2]!.bars.length / 2).toBeGreaterThan(10_000);
  expect(second.dimensions).toEqual(first.dimensions);
});

test('they fail if that is not enough', async () => {
  pool = createDiagramPool({ threads: 2, memoryBytes: predicted });
  const error = await compute(pool).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'ResourceLimit' });
  expect(String(error)).toContain('allow more memory');
});

test('a thread whose answer was under way when its job was aborted gets no other job', async () => {
  pool = createDiagramPool({ threads: 4, memoryBytes: 2 * predicted });
  const diagrams = pool;
  const small: DiagramRequest = {
    ...threeSimplices(4),
    maxDimension: 1,
    maxEdgeLength: null,
    surrogate: null,
  };
  const computeSmall = (signal: AbortSignal) => diagrams.compute(small, () => undefined, signal);
  await computeSmall(new AbortController().signal);
  const controller = new AbortController();
  const aborted = computeSmall(controller.signal);
  aborted.catch(() => undefined);
  // The thread answers while this thread stands still, as in a process that was stopped.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  controller.abort(new Error('no longer wanted'));
  const next = [];
  for (let turn = 0; turn < 3; turn += 1) {
    next.push(computeSmall(new AbortController().signal));
    await setImmediate();
  }
  await expect(aborted).rejects.toThrow('no longer wanted');
  for (const diagram of await Promise.all(next)) expect(diagram.dimensions).toHaveLength(2);
});
