import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { permanova, permdisp, pointDistances } from '../../../analysis/index.js';
import {
  anyPlaces,
  fewPlaces,
  groupedRuns,
  readGroupCases,
  rearranged,
  expectNear,
  turned,
} from './groups-of-runs.js';
import { describeReference } from '../reference.js';

const twoGroups = Uint32Array.of(0, 0, 0, 0, 1, 1, 1, 1);

describeReference('permdisp and the reference', () => {
  test('F and the distances to the centroids are those of vegan and scikit-bio with centroids', async () => {
    for (const { distances, design, expected } of await readGroupCases()) {
      const result = await permdisp(distances, design);
      expectNear(result.pseudoF, expected.permdisp_f_centroid);
      expected.permdisp_distances_to_centroid.forEach((distance, run) => {
        expectNear(result.toCentroid[run]!, distance);
      });
    }
  });

  test('a difference of spread has a small p here, and not in permanova', async () => {
    const { distances, design } = (await readGroupCases()).find(({ name }) => name.includes('other spread'))!;
    expect((await permdisp(distances, design)).test!.p).toBeLessThan(0.01);
    expect((await permanova(distances, design)).test!.p).toBeGreaterThan(0.05);
  });
});

describe('permdisp', () => {
  test('the distances to the centroids are those of the coordinates', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(anyPlaces), async ({ points, design: { groups } }) => {
        const { toCentroid, reason } = await permdisp(
          await pointDistances(points),
          { groups },
          { draws: 1, limit: 0 },
        );
        fc.pre(reason === null);
        groups.forEach((group, run) => {
          let square = 0;
          for (let at = 0; at < points.dimension; at++) {
            const place = (other: number): number => points.points[other * points.dimension + at]!;
            const runs = [...groups.keys()].filter((other) => groups[other] === group);
            const mean = runs.reduce((sum, other) => sum + place(other), 0) / runs.length;
            square += (place(run) - mean) ** 2;
          }
          expect(Math.abs(toCentroid[run]! - Math.sqrt(square))).toBeLessThan(1e-6);
        });
      }),
    );
  });

  test('is unchanged by the order of the runs, the names of the groups, rotation and translation', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(anyPlaces), fc.nat(), async ({ points, design }, seed) => {
        const { pseudoF, test } = await permdisp(await pointDistances(points), design);
        // An F of distances to centroids that are nearly equal within groups is left to rounding.
        fc.pre(pseudoF !== null && pseudoF < 100 && pseudoF > 1e-2);
        const other = rearranged({ points, design }, seed);
        const again = await permdisp(await pointDistances(other.points), other.design);
        expectNear(again.pseudoF, pseudoF, 1e-6);
        expect(again.test).toEqual(test);
        const moved = await permdisp(await pointDistances(turned(points, 1)), design);
        expectNear(moved.pseudoF, pseudoF, 1e-2);
      }),
      { numRuns: 50 },
    );
  });

  test('with copies among the runs is never NaN', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(fewPlaces), async ({ points, design }) => {
        const { pseudoF, test, toCentroid, reason } = await permdisp(await pointDistances(points), design);
        expect([...toCentroid].every((distance) => distance >= 0)).toBe(true);
        expect(pseudoF === null).toBe(reason !== null);
        if (pseudoF !== null) expect(Number.isFinite(pseudoF)).toBe(true);
        if (test !== null) expect(test.p).toBeGreaterThanOrEqual(test.floor);
      }),
    );
  });

  test('groups of two have one distance to each centroid: F is infinite, which is null', async () => {
    const distances = await pointDistances({ points: Float32Array.of(0, 1, 5, 9), dimension: 1 });
    const result = await permdisp(distances, { groups: Uint32Array.of(0, 0, 1, 1) });
    expect([...result.toCentroid]).toEqual([0.5, 0.5, 2, 2]);
    expect(result).toMatchObject({ pseudoF: null, test: { p: 1, arrangements: 3 } });
    expect(result.reason).toContain('infinite');
  });

  test('runs that are all equally far from their centroids have no F and no test', async () => {
    const distances = await pointDistances({ points: Float32Array.of(0, 1, 5, 6), dimension: 1 });
    const result = await permdisp(distances, { groups: Uint32Array.of(0, 0, 1, 1) });
    expect(result).toMatchObject({ pseudoF: null, test: null });
    expect(result.reason).toContain('equally far');
  });

  test('a difference of places alone does not make p small', async () => {
    const points = Float32Array.of(0, 1, 2, 4, 100, 101, 102, 104);
    const { test } = await permdisp(await pointDistances({ points, dimension: 1 }), { groups: twoGroups });
    expect(test!.p).toBeGreaterThan(0.5);
  });

  test('distances of no Euclidean space give no NaN: squares below 0 count as 0', async () => {
    // Run 0 is 1 from three runs that are 2 from each other: its squared distance to the centroid is -1/8.
    const distances = Float64Array.of(
      1,
      1,
      2,
      1,
      2,
      2,
      3,
      3,
      3,
      3,
      3,
      3,
      3,
      3,
      1,
      3,
      3,
      3,
      3,
      1.5,
      1,
      3,
      3,
      3,
      3,
      1,
      1,
      2,
    );
    const { toCentroid, pseudoF } = await permdisp({ runCount: 8, distances }, { groups: twoGroups });
    expect(toCentroid[0]).toBe(0);
    expect(toCentroid[1]).toBeCloseTo(Math.sqrt(9 / 4 - 15 / 16), 12);
    expect(Number.isFinite(pseudoF)).toBe(true);
  });

  test('strata of one group each leave nothing to exchange: no test', async () => {
    const points = Float32Array.of(0, 1, 3, 10, 11, 17);
    const groups = Uint32Array.of(0, 0, 0, 1, 1, 1);
    const result = await permdisp(await pointDistances({ points, dimension: 1 }), { groups, strata: groups });
    expect(result.pseudoF).toBeGreaterThan(0);
    expect(result.test).toBeNull();
    expect(result.reason).toContain('cannot be exchanged');
  });

  test.each([
    [
      'all runs in one place',
      Uint32Array.of(0, 0, 1, 1),
      Float32Array.of(3, 3, 3, 3),
      'distances between runs are 0',
    ],
    ['one group', Uint32Array.of(0, 0, 0), Float32Array.of(1, 2, 3), 'one group'],
    ['a group of one run', Uint32Array.of(0, 0, 1), Float32Array.of(1, 2, 3), 'group 1 has one run'],
  ])('%s: no test, and the reason', async (_, groups, points, reason) => {
    const result = await permdisp(await pointDistances({ points, dimension: 1 }), { groups });
    expect(result).toMatchObject({ pseudoF: null, test: null });
    expect(result.reason).toContain(reason);
  });
});
