import { describe, expect, test } from '@jest/globals';
import {
  AnalysisInputError,
  convergence,
  endPoints,
  groupDistances,
  pointDistances,
  recovery,
  type Trajectory,
} from '../../../analysis/index.js';
import { SeededRandom } from '../../../tda/random.js';

const onLine = (...places: number[]): Trajectory => ({
  vectors: Float32Array.from(places),
  dimension: 1,
  sequence: Uint32Array.from(places, (_, step) => step),
});
const twoGroups = { groups: Uint32Array.of(0, 0, 1, 1) };

/** Eight runs of two prompts in two networks, that forget their prompt over 40 steps. */
function forgettingRuns(): Trajectory[] {
  const random = new SeededRandom(7);
  return Array.from({ length: 8 }, (_, run) => {
    const vectors = Float32Array.from({ length: 80 }, (_, place) => {
      const prompt = (run % 2 === 0 ? 1 : -1) * Math.exp(-Math.floor(place / 2) / 5);
      return prompt + 100 * Math.floor(run / 4) + 0.2 * random.normal();
    });
    return { vectors, dimension: 2, sequence: Uint32Array.from({ length: 40 }, (_, step) => step) };
  });
}
const forgetting = {
  groups: Uint32Array.of(0, 1, 0, 1, 0, 1, 0, 1),
  strata: Uint32Array.of(0, 0, 0, 0, 1, 1, 1, 1),
};

describe('convergence', () => {
  test('at each step is what the distances of that step say, within strata', async () => {
    const runs = forgettingRuns();
    for (const design of [forgetting, { groups: forgetting.groups }]) {
      const { steps, within, between, recovered, chance } = (await convergence(runs, design))!;
      expect(steps).toEqual(runs[0]!.sequence);
      for (const step of steps) {
        const points = Float32Array.from(
          runs.flatMap(({ vectors }) => [vectors[2 * step]!, vectors[2 * step + 1]!]),
        );
        const distances = await pointDistances({ points, dimension: 2 });
        const means = groupDistances(distances, design);
        expect([within![step], between![step]]).toEqual([means.within, means.between]);
        expect({ share: recovered![step], chance, runs: 8 }).toEqual(recovery(distances, design));
      }
    }
  });

  test('prompts that runs forget go from full recovery towards chance, and have a half-life', async () => {
    const { recovered, chance, halfLife, within, between } = (await convergence(
      forgettingRuns(),
      forgetting,
    ))!;
    expect(recovered![0]).toBe(1);
    expect(chance).toBeCloseTo(1 / 3, 12);
    expect(halfLife).toBeGreaterThan(2);
    expect(halfLife).toBeLessThan(40);
    const excess = (step: number): number => between![step]! - within![step]!;
    expect(excess(39)).toBeLessThan(excess(0) / 5);
  });

  test('compares only at the steps asked for, and up to the shortest run', async () => {
    const runs = [onLine(0, 0, 0, 0, 9), onLine(1, 1, 1, 9), onLine(5, 3, 1, 0, 0), onLine(6, 4, 2, 1)];
    expect(await convergence(runs, twoGroups)).toEqual({
      steps: Uint32Array.of(0, 1, 2, 3),
      within: Float64Array.of(1, 1, 1, 5),
      between: Float64Array.of(5, 3, 1, 4.5),
      recovered: Float64Array.of(1, 1, 1 / 4, 1 / 8),
      chance: 1 / 3,
      halfLife: 1 + (1 - 2 / 3) / (3 / 4),
    });
    const few = (await convergence(runs, twoGroups, { steps: Uint32Array.of(1, 3) }))!;
    expect([...few.within!]).toEqual([1, 5]);
    expect(few.halfLife).toBeCloseTo(((1 - 2 / 3) / (7 / 8)) * 2, 12);
  });

  test('a curve without a pair is null, and runs without a step have none', async () => {
    const runs = [onLine(0, 1), onLine(1, 2)];
    expect(await convergence(runs, { groups: Uint32Array.of(0, 0) })).toMatchObject({
      between: null,
      chance: 1,
      halfLife: null,
    });
    expect(await convergence(runs, { groups: Uint32Array.of(0, 1) })).toMatchObject({
      within: null,
      chance: 0,
    });
    expect(await convergence(runs, { groups: Uint32Array.of(0, 1), strata: Uint32Array.of(0, 1) })).toEqual({
      steps: Uint32Array.of(0, 1),
      within: null,
      between: null,
      recovered: null,
      chance: null,
      halfLife: null,
    });
    expect(await convergence([onLine(), onLine(1)], { groups: Uint32Array.of(0, 1) })).toBeNull();
  });

  test('ends with the reason of its signal', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(convergence(forgettingRuns(), forgetting, { signal })).rejects.toThrow('enough');
  });

  test.each([
    [
      'a step that a run does not have',
      { steps: Uint32Array.of(0, 2) },
      'steps[1] is 2; the shortest run has 2',
    ],
    ['steps out of order', { steps: Uint32Array.of(1, 0) }, 'steps[1] is 0, not above'],
  ])('refuses %s', async (_, options, message) => {
    const runs = [onLine(0, 1), onLine(1, 2, 3)];
    const work = convergence(runs, { groups: Uint32Array.of(0, 1) }, options);
    await expect(work).rejects.toThrow(AnalysisInputError);
    await expect(work).rejects.toThrow(message);
  });

  test('refuses groups of other runs, and runs of several dimensions', async () => {
    await expect(convergence([onLine(0)], twoGroups)).rejects.toThrow('groups has 4 runs, and there are 1');
    const plane = { vectors: new Float32Array(2), dimension: 2, sequence: Uint32Array.of(0) };
    await expect(convergence([onLine(0), plane], { groups: Uint32Array.of(0, 1) })).rejects.toThrow(
      'run 1 has dimension 2 and run 0 has 1',
    );
  });
});

describe('endPoints', () => {
  test('are the means of the last quarter up to the end of the shortest run', () => {
    const runs = [onLine(0, 0, 0, 0, 0, 0, 2, 4), onLine(1, 1, 1, 1, 1, 1, 5, 6, 100, 100)];
    expect(endPoints(runs)).toEqual({ points: Float32Array.of(3, 5.5), dimension: 1 });
    expect(endPoints([onLine(1, 2, 9), onLine(4, 5, 6)])!.points).toEqual(Float32Array.of(9, 6));
  });

  test('of a run in a cycle are the mean of the cycle, if it is in the cycle by the horizon', () => {
    const cycling = onLine(50, 50, 1, 2, 6, 1, 2, 6, 1, 2, 6);
    const cycle = { onset: 2, period: 3 };
    const other = onLine(0, 0, 0, 0, 0, 0, 0, 8);
    expect(endPoints([cycling, other], [cycle, null])!.points).toEqual(Float32Array.of(3, 4));
    const shorter = onLine(0, 8);
    expect(endPoints([cycling, shorter], [cycle, null])!.points).toEqual(Float32Array.of(50, 8));
  });

  test('depend on the steps, not on the rows', () => {
    const run = { vectors: Float32Array.of(1, 2, 5, 6), dimension: 2, sequence: Uint32Array.of(0, 1, 1, 0) };
    expect(endPoints([run])).toEqual({ points: Float32Array.of(1, 2), dimension: 2 });
  });

  test('are null without a run, or if a run has no step', () => {
    expect(endPoints([])).toBeNull();
    expect(endPoints([onLine(1), onLine()])).toBeNull();
  });

  test('refuse runs of several dimensions, other cycles, and a cycle without a whole round', () => {
    const plane = { vectors: new Float32Array(2), dimension: 2, sequence: Uint32Array.of(0) };
    expect(() => endPoints([onLine(1), plane])).toThrow(AnalysisInputError);
    expect(() => endPoints([onLine(1)], [])).toThrow('cycles has 0 entries and there are 1 runs');
    expect(() => endPoints([onLine(1, 2, 3)], [{ onset: 1, period: 3 }])).toThrow('run 0 has 3 steps');
    expect(() => endPoints([onLine(1, 2, 3)], [{ onset: 0, period: 0 }])).toThrow('has period 0');
  });
});
