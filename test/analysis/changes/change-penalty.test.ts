import { describe, expect, test } from '@jest/globals';
import { memoryFactor, penaltiesOf } from '../../../analysis/changes/penalty.js';
import type { Scores } from '../../../analysis/changes/scores.js';
import { atOnce } from '../../../tda/pacer.js';

function scoresOf(rows: readonly (readonly number[])[]): Scores {
  return { stepCount: rows.length, componentCount: rows[0]!.length, scores: Float64Array.from(rows.flat()) };
}

/** The penalty for white noise of a single coordinate, but for the number of steps: T = √U = λ. */
function varianceOf(list: readonly number[]): number {
  const { white } = atOnce(penaltiesOf(scoresOf(list.map((x) => [x]))));
  const log = Math.log(list.length / 0.05);
  return white / (1 + 2 * Math.sqrt(log) + 2 * log);
}

/** Variogram of an AR(1) process of variance `sill`, plus independent noise of variance `nugget`. */
function variogram(correlation: number, sill: number, nugget: number): [number, number, number] {
  const at = (lag: number): number => nugget + sill * (1 - correlation ** lag);
  return [at(1), at(2), at(3)];
}

describe('the factor of a memory', () => {
  test.each([
    [0.5, 1, 0],
    [0.8, 1, 0.3],
    [0.95, 0.01, 0],
  ])(
    'of an AR(1) process with correlation %f is twice its long-run variance over that of its differences',
    (correlation, sill, nugget) => {
      const longRun = nugget + (sill * (1 + correlation)) / (1 - correlation);
      const short = nugget + sill * (1 - correlation);
      expect(memoryFactor(...variogram(correlation, sill, nugget))).toBeCloseTo((2 * longRun) / short, 6);
    },
  );

  test('is 1 for independent noise, and for a rise of at most 2 %', () => {
    expect(memoryFactor(1, 1, 1)).toBe(1);
    expect(memoryFactor(1, 0.9, 0.95)).toBe(1);
    expect(memoryFactor(1, 1.0199, 1.03)).toBe(1);
    expect(memoryFactor(1, 1.03, 1.045)).toBeGreaterThan(2);
    // It rises once and then no more.
    expect(memoryFactor(1, 1.5, 1.5)).toBe(1);
    expect(memoryFactor(1, 1.5, 1.4)).toBe(1);
  });

  test('is bounded: a line has the correlation 0.98 and at most 50 times the first value as its sill', () => {
    // Variogram of a straight line: 1, 4, 9.
    const sill = 50;
    const expected = (2 * ((sill * 1.98) / 0.02)) / (sill * 0.02);
    expect(memoryFactor(1, 4, 9)).toBeCloseTo(expected, 6);
  });

  test('is 1 where a lag has no difference, as for two places by turns', () => {
    expect(memoryFactor(1, 0, 1)).toBe(1);
    expect(memoryFactor(0, 0, 0)).toBe(1);
  });
});

/** The factor that the steps get for their memory. */
function factorOf(list: readonly number[]): number {
  const { white, shortMemory } = atOnce(penaltiesOf(scoresOf(list.map((x) => [x]))));
  return shortMemory / white;
}

test('steps at rest do not hide the memory of the steps before', () => {
  const walk: number[] = [];
  for (let step = 0; step < 60; step++) walk.push(0.8 * (walk.at(-1) ?? 0) + Math.sin(step * step));
  expect(factorOf(walk)).toBeGreaterThan(4);
  expect(factorOf([...walk, ...Array.from({ length: 600 }, () => walk.at(-1)!)])).toBeGreaterThan(4);
});

describe('the penalty for white noise', () => {
  test('is T + 2 √(U L) + 2 λ L of half the covariance of the differences', () => {
    // Differences (2, 0) and (0, 1) by turns, 5 each, of which the longest tenth, one (2, 0), is left out.
    const rows = [[0, 0]];
    for (let step = 0; step < 10; step++) {
      const [x, y] = rows.at(-1)!;
      rows.push(step % 2 === 0 ? [x! + 2, y!] : [x!, y! + 1]);
    }
    const [first, second] = [(4 * 4) / 18, 5 / 18];
    const log = Math.log(11 / 0.05);
    const expected =
      first + second + 2 * Math.sqrt((first ** 2 + second ** 2) * log) + 2 * Math.max(first, second) * log;
    expect(atOnce(penaltiesOf(scoresOf(rows))).white).toBeCloseTo(expected, 12);
  });

  test('knows correlations between components: T, U and λ are those of the whole covariance', () => {
    const values = [0, 1, -1, 2, 0, 1, 3, 2, 2.5, 1, 0, 1];
    const one = atOnce(penaltiesOf(scoresOf(values.map((x) => [5 * x])))).white;
    const turned = atOnce(penaltiesOf(scoresOf(values.map((x) => [3 * x, 4 * x])))).white;
    expect(turned / one).toBeCloseTo(1, 12);
  });

  test('does not see a few jumps, nor steps at rest, but for the number of steps', () => {
    const values = Array.from({ length: 40 }, (_, step) => Math.sin(step * step));
    const resting = [...values, ...Array.from({ length: 60 }, () => values.at(-1)!)];
    expect(varianceOf(resting)).toBeCloseTo(varianceOf(values), 12);
    const jumps = (height: number): number[] => values.map((x, step) => x + (step < 20 ? 0 : height));
    expect(varianceOf(jumps(1e6))).toBeCloseTo(varianceOf(jumps(1e3)), 6);
  });
});
