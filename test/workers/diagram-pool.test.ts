import { afterEach, expect, test } from '@jest/globals';
import type { DiagramRequest } from '../../activities/index.js';
import { createDiagramPool, predictDiagramBytes } from '../../workers/diagram-pool.js';
import type { DiagramPool } from '../../workers/diagram-pool.js';
import { threeSimplices } from '../tda/support.js';

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

test('diagrams that turn out to need more memory than predicted are made with all there is', async () => {
  pool = createDiagramPool({ threads: 2, memoryBytes: 2 * predicted });
  const [first, second] = await Promise.all([compute(pool), compute(pool)]);
  expect(first.dimensions[2]!.bars.length / 2).toBeGreaterThan(10_000);
  expect(second.dimensions).toEqual(first.dimensions);
});

test('they fail where there is no more', async () => {
  pool = createDiagramPool({ threads: 2, memoryBytes: predicted });
  const error = await compute(pool).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'ResourceLimit' });
  expect(String(error)).toContain('allow more memory');
});
