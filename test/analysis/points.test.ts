import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { AnalysisInputError } from '../../analysis/index.js';
import type { Trajectory } from '../../analysis/index.js';
import { pointAt, rowCount } from '../../analysis/points.js';
import { stepCount, vectorAt } from '../../analysis/trajectory.js';

/** Rows whose coordinates are their places, so that each coordinate tells where it stands. */
function placed(rows: number, dimension: number): Float32Array {
  return Float32Array.from({ length: rows * dimension }, (_, place) => place);
}

const shapes = fc.record({ rows: fc.nat(20), dimension: fc.integer({ min: 1, max: 9 }) });

describe('rowCount', () => {
  test('is the number of rows, 0 included', () => {
    fc.assert(
      fc.property(shapes, ({ rows, dimension }) => {
        expect(rowCount({ points: placed(rows, dimension), dimension })).toBe(rows);
      }),
    );
  });

  test('refuses ragged points', () => {
    fc.assert(
      fc.property(shapes, ({ rows, dimension }) => {
        fc.pre(dimension > 1);
        const points = placed(rows * dimension + 1, 1);
        expect(() => rowCount({ points, dimension })).toThrow(AnalysisInputError);
        expect(() => rowCount({ points, dimension })).toThrow(`points has ${points.length} numbers`);
      }),
    );
  });

  test('refuses a value that is not finite, and names its place', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.nat(),
        fc.constantFrom(NaN, Infinity, -Infinity),
        ({ rows, dimension }, choice, value) => {
          fc.pre(rows > 0);
          const points = placed(rows, dimension);
          const place = choice % points.length;
          points[place] = value;
          const [row, column] = [Math.floor(place / dimension), place % dimension];
          expect(() => rowCount({ points, dimension }, 'vectors')).toThrow(
            `vectors[${place}] (row ${row}, column ${column}) is ${value}`,
          );
        },
      ),
    );
  });

  test.each([0, -1, 1.5, NaN])('refuses a dimension of %p', (dimension) => {
    expect(() => rowCount({ points: placed(2, 3), dimension })).toThrow(`dimension is ${dimension}`);
  });
});

test('pointAt is a view of the row', () => {
  const points = placed(4, 3);
  const row = pointAt({ points, dimension: 3 }, 2);
  expect([...row]).toEqual([6, 7, 8]);
  row[0] = 99;
  expect(points[6]).toBe(99);
});

describe('a trajectory', () => {
  const trajectory: Trajectory = {
    vectors: placed(3, 2),
    dimension: 2,
    sequence: Uint32Array.of(2, 0, 0, 2),
  };

  test('has as many steps as its sequence, and at each step the vector of its row', () => {
    expect(stepCount(trajectory)).toBe(4);
    expect([0, 1, 2, 3].map((step) => [...vectorAt(trajectory, step)])).toEqual([
      [4, 5],
      [0, 1],
      [0, 1],
      [4, 5],
    ]);
    expect(stepCount({ ...trajectory, sequence: Uint32Array.of() })).toBe(0);
    expect(stepCount({ vectors: placed(0, 2), dimension: 2, sequence: Uint32Array.of() })).toBe(0);
  });

  test('with a step that has no row is refused, and the message names the step', () => {
    const wrong = { ...trajectory, sequence: Uint32Array.of(2, 3) };
    expect(() => stepCount(wrong)).toThrow(AnalysisInputError);
    expect(() => stepCount(wrong)).toThrow('sequence[1] is 3; vectors has 3 rows');
  });

  test('with vectors that are ragged or not finite is refused', () => {
    expect(() => stepCount({ ...trajectory, vectors: placed(5, 1) })).toThrow('vectors has 5 numbers');
    expect(() => stepCount({ ...trajectory, vectors: Float32Array.of(1, NaN) })).toThrow('vectors[1]');
  });
});
