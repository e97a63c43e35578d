import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { euclideanDistances, ripsPersistence } from '../../tda/index.js';
import { barsOf, randomPoints } from '../support/point-clouds.js';

/** Distance of two points in a lower triangle. */
function distance(distances: Float32Array, a: number, b: number): number {
  const [small, large] = a < b ? [a, b] : [b, a];
  return distances[(large * (large - 1)) / 2 + small]!;
}

/** Whether the loop's closing edge is as long as the bar's birth, and no other edge longer. */
function expectBornWith(loop: Uint32Array, birth: number, distances: Float32Array): void {
  expect(new Set(loop).size).toBe(loop.length);
  expect(loop.length).toBeGreaterThan(3);
  expect(distance(distances, loop.at(-1)!, loop[0]!)).toBe(birth);
  for (let k = 1; k < loop.length; k++) {
    expect(distance(distances, loop[k - 1]!, loop[k]!)).toBeLessThanOrEqual(birth);
  }
}

describe('representatives of degree 1', () => {
  test('are loops of points, born with their bars', async () => {
    const cloud = fc.record({ count: fc.integer({ min: 4, max: 40 }), seed: fc.nat(10_000) });
    let loopCount = 0;
    await fc.assert(
      fc.asyncProperty(cloud, async ({ count, seed }) => {
        const points = randomPoints(count, 2, seed);
        const options = { maxDimension: 1, representatives: true } as const;
        const { diagrams, representatives } = await ripsPersistence({ points, dimension: 2 }, options);
        const distances = euclideanDistances(points, 2);
        const bars = barsOf(diagrams[1]!);
        expect(representatives).toHaveLength(bars.length);
        bars.forEach(([birth], bar) => expectBornWith(representatives![bar]!, birth, distances));
        loopCount += bars.length;
      }),
    );
    expect(loopCount).toBeGreaterThan(50);
  });

  test('go around a circle once', async () => {
    const count = 24;
    const points = Float32Array.from({ length: 2 * count }, (_, k) => {
      const angle = (2 * Math.PI * (k >> 1)) / count;
      return k % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
    });
    const { diagrams, representatives } = await ripsPersistence(
      { points, dimension: 2 },
      { representatives: true },
    );
    expect(diagrams[1]).toHaveLength(2);
    expect([...representatives![0]!].toSorted((a, b) => a - b)).toEqual([...Array(count).keys()]);
  });

  test('name points as they were given, the first of equal ones', async () => {
    const square = [0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1];
    const { representatives } = await ripsPersistence(
      { points: Float32Array.from(square), dimension: 2 },
      { representatives: true },
    );
    expect(representatives!.map((loop) => [...loop].toSorted((a, b) => a - b))).toEqual([[0, 2, 3, 5]]);
  });

  test('exist for a bar that never dies', async () => {
    const options = { maxEdgeLength: 1.2, representatives: true };
    const points = Float32Array.of(0, 0, 1, 0, 1, 1, 0, 1);
    const { diagrams, representatives } = await ripsPersistence({ points, dimension: 2 }, options);
    expect(diagrams[1]).toEqual(Float32Array.of(1, Infinity));
    expectBornWith(representatives![0]!, 1, euclideanDistances(points, 2));
  });

  test('are not computed unless asked for', async () => {
    expect(await ripsPersistence({ points: randomPoints(20, 2, 1), dimension: 2 })).not.toHaveProperty(
      'representatives',
    );
  });
});
