import * as fc from 'fast-check';
import {
  bettiCurve,
  euclideanDistances,
  persistenceEntropy,
  persistenceImage,
  persistenceLandscape,
  TdaInputError,
  totalPersistence,
} from '../../tda/index.js';
import { tiedDiagrams } from './arbitrary-diagrams.js';
import { barsOf } from '../support/point-clouds.js';

const diagram = tiedDiagrams(20);

function normalised(...bars: number[]): number {
  return persistenceEntropy(Float32Array.from(bars), { normalised: true });
}

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

  test('normalised is 1 for equal bars and otherwise less, by the logarithm of the number of bars with positive length', () => {
    expect(normalised(0, 1, 2, 3, 5, 6, 4, 4, 0, Infinity)).toBeCloseTo(1, 12);
    expect(normalised(0, 1, 0, 3)).toBeCloseTo(
      persistenceEntropy(Float32Array.of(0, 1, 0, 3)) / Math.LN2,
      12,
    );
    fc.assert(
      fc.property(diagram, (bars) => {
        const lengths = barsOf(bars)
          .map(([birth, death]) => death - birth)
          .filter(Number.isFinite);
        const entropy = persistenceEntropy(bars, { normalised: true });
        if (lengths.length > 1 && new Set(lengths).size === 1) expect(entropy).toBeCloseTo(1, 12);
        else expect(entropy).toBeLessThan(1);
        expect(entropy).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test.each([[[]], [[0, Infinity]], [[1, 2]], [[1, 2, 3, 3]]])('of %j, normalised, is 0', (bars) => {
    expect(normalised(...bars)).toBe(0);
  });
});

describe('total persistence', () => {
  test('adds the lengths of the finite bars, raised to a power', () => {
    const bars = Float32Array.of(0, 1, 2, 5, 0, Infinity, 7, 7);
    expect(totalPersistence(bars)).toBe(4);
    expect(totalPersistence(bars, 2)).toBe(10);
    expect(totalPersistence(bars, 0.5)).toBeCloseTo(1 + Math.sqrt(3), 12);
    expect(totalPersistence(new Float32Array(0))).toBe(0);
  });

  test('of the longest floats is exact, until a power leaves float64', () => {
    const largest = 3.4028234663852886e38;
    expect(totalPersistence(Float32Array.of(-largest, largest, 0, largest))).toBe(3 * largest);
    expect(totalPersistence(Float32Array.of(-largest, largest), 9)).toBe(Infinity);
  });

  test.each([0, -1, NaN, Infinity])('refuses the power %d', (power) => {
    expect(() => totalPersistence(Float32Array.of(0, 1), power)).toThrow(
      new TdaInputError(`power is ${power}; expected a finite number above 0`),
    );
  });
});

describe('summaries of a malformed diagram', () => {
  const summaries = {
    persistenceEntropy,
    totalPersistence,
    bettiCurve: (bars: Float32Array) => bettiCurve(bars, Float32Array.of(0)),
    persistenceLandscape: (bars: Float32Array) =>
      persistenceLandscape(bars, { count: 1, start: 0, end: 1, sampleCount: 2 }),
    persistenceImage: (bars: Float32Array) =>
      persistenceImage(bars, {
        birthRange: [0, 1],
        persistenceRange: [0, 1],
        resolution: [1, 1],
        sigma: 1,
      }),
  };

  test.each(Object.entries(summaries))('%s refuses it, and names the place', (_, summary) => {
    const cases = [
      [[0, 1, 2], 'diagram has 3 values; expected pairs birth, death, birth, death…'],
      [[0, 1, NaN, 2], 'diagram[2] (the birth of bar 1) is NaN; expected a finite number'],
      [[0, 1, Infinity, Infinity], 'diagram[2] (the birth of bar 1) is Infinity; expected a finite number'],
      [[-Infinity, 1], 'diagram[0] (the birth of bar 0) is -Infinity; expected a finite number'],
      [[0, NaN], 'diagram[1] (the death of bar 0) is NaN; expected at least its birth, 0'],
      [[0, 1, 3, 2], 'diagram[3] (the death of bar 1) is 2; expected at least its birth, 3'],
    ] as const;
    for (const [bars, message] of cases) {
      expect(() => summary(Float32Array.from(bars))).toThrow(new TdaInputError(message));
    }
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

  test('refuses a threshold that is NaN', () => {
    expect(() => bettiCurve(Float32Array.of(1, 2), Float32Array.of(0, NaN))).toThrow(
      new TdaInputError('thresholds[1] is NaN; expected a number'),
    );
  });
});

describe('Euclidean distances', () => {
  test('are the strict lower triangle, row by row', () => {
    const distances = euclideanDistances(Float32Array.of(0, 0, 3, 4, 0, 1, 3, 0), 2);
    expect(distances).toEqual(Float32Array.of(5, 1, Math.sqrt(18), 3, 4, Math.sqrt(10)));
  });

  test('keep small differences of large coordinates, and equal points at 0', () => {
    const distances = euclideanDistances(Float32Array.of(16_777_215, 16_777_216, 16_777_215), 1);
    expect(distances).toEqual(Float32Array.of(1, 0, 1));
  });
});
