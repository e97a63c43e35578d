import * as fc from 'fast-check';
import { bettiCurve, euclideanDistances, persistenceEntropy, TdaInputError } from '../../tda/index.js';
import { barsOf, randomPoints } from './support.js';

const diagram = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.boolean()), {
    maxLength: 20,
  })
  .map((bars) =>
    Float32Array.from(
      bars.flatMap(([birth, length, isFinite]) => [birth, isFinite ? birth + length : Infinity]),
    ),
  );

describe('persistence entropy', () => {
  test('of equal bars is the logarithm of their number', () => {
    expect(persistenceEntropy(Float32Array.of(0, 1, 2, 3, 5, 6, 0, Infinity))).toBeCloseTo(Math.log(3), 12);
  });

  test('of bars 1 and 3', () => {
    expect(persistenceEntropy(Float32Array.of(0, 1, 0, 3))).toBeCloseTo(
      -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75)),
      12,
    );
  });

  test.each([[[]], [[0, Infinity]], [[1, 2]]])('of %j is 0', (bars) => {
    expect(persistenceEntropy(Float32Array.from(bars))).toBe(0);
  });

  test('is between 0 and the logarithm of the number of finite bars, whatever the scale', () => {
    fc.assert(
      fc.property(diagram, (bars) => {
        const finite = barsOf(bars).filter(([, death]) => death < Infinity).length;
        const entropy = persistenceEntropy(bars);
        expect(entropy).toBeGreaterThanOrEqual(0);
        expect(entropy).toBeLessThanOrEqual(Math.log(Math.max(1, finite)) + 1e-12);
        expect(persistenceEntropy(bars.map((x) => 1024 * x))).toBeCloseTo(entropy, 12);
      }),
    );
  });
});

describe('Betti curve', () => {
  test('counts a bar from its birth to just before its death', () => {
    const curve = bettiCurve(Float32Array.of(1, 2), Float32Array.of(0.5, 1, 1.5, 2, 3));
    expect(curve).toEqual(Uint32Array.of(0, 1, 1, 0, 0));
  });

  test('is the count of its definition, for thresholds in any order', () => {
    fc.assert(
      fc.property(diagram, fc.array(fc.integer({ min: -1, max: 20 })), (bars, thresholds) => {
        const expected = thresholds.map(
          (t) => barsOf(bars).filter(([birth, death]) => birth <= t && t < death).length,
        );
        expect([...bettiCurve(bars, Float32Array.from(thresholds))]).toEqual(expected);
      }),
    );
  });

  test('refuses a threshold that is NaN, and half a bar', () => {
    expect(() => bettiCurve(Float32Array.of(1, 2), Float32Array.of(0, NaN))).toThrow(
      new TdaInputError('thresholds[1] is NaN; expected a number'),
    );
    expect(() => bettiCurve(Float32Array.of(1), Float32Array.of(0))).toThrow(TdaInputError);
    expect(() => persistenceEntropy(Float32Array.of(1))).toThrow(TdaInputError);
  });
});

describe('Euclidean distances', () => {
  test('come as the strict lower triangle, row by row', () => {
    const distances = euclideanDistances(Float32Array.of(0, 0, 3, 4, 0, 1, 3, 0), 2);
    expect(distances).toEqual(Float32Array.of(5, 1, Math.sqrt(18), 3, 4, Math.sqrt(10)));
  });

  test.each([1, 2, 3, 4, 5, 6, 9, 14])(
    'of %i points are each the rounded root of the sum of squares',
    (count) => {
      const points = randomPoints(count, 7, count);
      const expected: number[] = [];
      for (let i = 1; i < count; i++) {
        for (let j = 0; j < i; j++) {
          let sum = 0;
          for (let c = 0; c < 7; c++) sum += (points[7 * i + c]! - points[7 * j + c]!) ** 2;
          expected.push(Math.sqrt(sum));
        }
      }
      expect(euclideanDistances(points, 7)).toEqual(Float32Array.from(expected));
    },
  );

  test('keep small differences of large coordinates, and equal points at 0', () => {
    const distances = euclideanDistances(Float32Array.of(16_777_215, 16_777_216, 16_777_215), 1);
    expect(distances).toEqual(Float32Array.of(1, 0, 1));
  });
});
