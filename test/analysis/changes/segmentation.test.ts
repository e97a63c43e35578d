import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Scores } from '../../../analysis/changes/scores.js';
import { segmentEnds } from '../../../analysis/changes/segmentation.js';
import { SeededRandom } from '../../../tda/random.js';
import { atOnce } from '../../../tda/pacer.js';

const LEAST = 5;

function scoresOf(rows: readonly (readonly number[])[]): Scores {
  const componentCount = rows[0]!.length;
  return { stepCount: rows.length, componentCount, scores: Float64Array.from(rows.flat()) };
}

/** Σ ‖y - ȳ‖² of the points from `start` to before `end`, by the definition. */
function cost({ componentCount, scores }: Scores, start: number, end: number): number {
  let sum = 0;
  for (let k = 0; k < componentCount; k++) {
    let mean = 0;
    for (let at = start; at < end; at++) mean += scores[at * componentCount + k]! / (end - start);
    for (let at = start; at < end; at++) sum += (scores[at * componentCount + k]! - mean) ** 2;
  }
  return sum;
}

function total(scores: Scores, ends: ArrayLike<number>, penalty: number): number {
  let sum = 0;
  for (let at = 0; at < ends.length; at++) {
    sum += cost(scores, at === 0 ? 0 : ends[at - 1]!, ends[at]!) + (at === 0 ? 0 : penalty);
  }
  return sum;
}

/** The least total, by optimal partitioning over all pairs (Jackson et al. 2005), nothing left out. */
function leastTotal(scores: Scores, penalty: number): number {
  const best = [-penalty];
  for (let end = 1; end <= scores.stepCount; end++) {
    best[end] = Infinity;
    for (let start = 0; start <= end - LEAST; start++) {
      best[end] = Math.min(best[end]!, best[start]! + cost(scores, start, end) + penalty);
    }
  }
  return best[scores.stepCount]!;
}

function expectOptimal(scores: Scores, penalty: number): void {
  const ends = atOnce(segmentEnds(scores, penalty));
  expect(ends.at(-1)).toBe(scores.stepCount);
  for (const [at, end] of ends.entries()) {
    expect(end - (at === 0 ? 0 : ends[at - 1]!)).toBeGreaterThanOrEqual(LEAST);
  }
  const least = leastTotal(scores, penalty);
  expect(Math.abs(total(scores, ends, penalty) - least)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(least)));
}

/** Levels that change now and then, with noise of one size, between none and all. */
const noisyLevels = fc
  .record({
    count: fc.integer({ min: LEAST, max: 90 }),
    components: fc.integer({ min: 1, max: 3 }),
    dwell: fc.integer({ min: 1, max: 25 }),
    noise: fc.constantFrom(0, 0.3, 1, 3),
    walk: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ count, components, dwell, noise, walk, seed }) => {
    const random = new SeededRandom(seed);
    const level = Array.from({ length: components }, () => 0);
    return scoresOf(
      Array.from({ length: count }, (_, step) => {
        if (walk || step === 0 || random.below(dwell) === 0) {
          for (let k = 0; k < components; k++) level[k] = (walk ? level[k]! : 0) + random.normal();
        }
        return level.map((value) => value + noise * random.normal());
      }),
    );
  });

describe('segments', () => {
  test('have the least total of all segmentations into segments of at least 5, whatever the penalty', () => {
    fc.assert(
      fc.property(noisyLevels, fc.constantFrom(0, 0.1, 1, 3, 10, 30, 100), (scores, penalty) => {
        expectOptimal(scores, penalty);
      }),
      { numRuns: 400 },
    );
  });

  test('have it where many segmentations tie', () => {
    const whole = fc.array(fc.integer({ min: -1, max: 1 }), { minLength: LEAST, maxLength: 80 });
    fc.assert(
      fc.property(whole, fc.constantFrom(0, 0.5, 1, 2, 4), (values, penalty) => {
        expectOptimal(scoresOf(values.map((value) => [value])), penalty);
      }),
    );
  });

  test('have it in the other direction of time, and scaled up or down', () => {
    fc.assert(
      fc.property(noisyLevels, fc.constantFrom(1e-9, 1e9), (scores, scale) => {
        const { stepCount, componentCount } = scores;
        const reversed = new Float64Array(scores.scores.length);
        for (let step = 0; step < stepCount; step++) {
          const from = (stepCount - 1 - step) * componentCount;
          reversed.set(scores.scores.subarray(from, from + componentCount), step * componentCount);
        }
        const forwards = total(scores, atOnce(segmentEnds(scores, 3)), 3);
        const turned = { ...scores, scores: reversed };
        expect(total(turned, atOnce(segmentEnds(turned, 3)), 3)).toBeCloseTo(forwards, 8);
        const scaled = { ...scores, scores: scores.scores.map((x) => scale * x) };
        const ends = atOnce(segmentEnds(scaled, 3 * scale * scale));
        expect(total(scores, ends, 3)).toBeCloseTo(forwards, 8);
      }),
      { numRuns: 50 },
    );
  });

  test('end where the level changes, exactly, and nowhere else', () => {
    const rows = Array.from({ length: 400 }, (_, step) => [step < 123 ? 0 : 1, step < 300 ? 0 : 1]);
    expect([...atOnce(segmentEnds(scoresOf(rows), 0.01))]).toEqual([123, 300, 400]);
    expect([...atOnce(segmentEnds(scoresOf(rows), 1000))]).toEqual([400]);
  });

  test('of 5 points are one', () => {
    expect([...atOnce(segmentEnds(scoresOf([[0], [0], [9], [9], [9]]), 0))]).toEqual([5]);
  });

  test('of a long run without a change are found in small portions, without a look at most pairs', () => {
    // Pruning alone would keep all 8 million pairs.
    const random = new SeededRandom(3);
    const rows = Array.from({ length: 4000 }, () => Array.from({ length: 20 }, () => random.normal()));
    const { greatest, sum } = portions(scoresOf(rows), 200);
    expect(greatest).toBeLessThan(500_000);
    // A look costs 40 operations, a start that is passed by 8.
    expect(sum).toBeLessThan(12 * ((4000 * 4000) / 2));
  });

  test('of a long run with many changes are found from few starts', () => {
    const random = new SeededRandom(4);
    const rows = Array.from({ length: 4000 }, (_, step) => [
      10 * (Math.floor(step / 20) % 2) + random.normal(),
    ]);
    expect(portions(scoresOf(rows), 10).sum).toBeLessThan(4000 * 60 * 8);
  });
});

/** Operations of the greatest portion, and of all. */
function portions(scores: Scores, penalty: number): { greatest: number; sum: number } {
  let greatest = 0;
  let sum = 0;
  const work = segmentEnds(scores, penalty);
  for (let next = work.next(); next.done !== true; next = work.next()) {
    greatest = Math.max(greatest, next.value);
    sum += next.value;
  }
  return { greatest, sum };
}
