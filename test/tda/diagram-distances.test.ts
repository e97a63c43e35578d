import * as fc from 'fast-check';
import {
  bottleneckDistance,
  sortedLifetimesDistance,
  TdaInputError,
  totalPersistence,
  wassersteinDistance,
} from '../../tda/index.js';
import {
  finiteDiagrams,
  tiedDiagrams,
  tiedDiagramsBornTogether,
  tiedFiniteDiagrams,
} from './arbitrary-diagrams.js';
import { distanceByAssignment, distanceByEnumeration } from './brute-force-matchings.js';
import { barsOf } from '../support/point-clouds.js';

const NONE = new Float32Array(0);
const LARGEST = 3.4028234663852886e38;

const matchingDistances = [
  { name: 'bottleneck distance', distance: bottleneckDistance, power: Infinity },
  { name: 'Wasserstein distance of order 1', distance: wasserstein(1), power: 1 },
  { name: 'Wasserstein distance of order 2', distance: wasserstein(2), power: 2 },
] as const;

const distances = [
  ...matchingDistances,
  { name: 'distance of sorted lifetimes', distance: sortedLifetimesDistance, power: 1 },
] as const;

describe.each(matchingDistances)('$name', ({ distance, power }) => {
  test('is the least over all matchings, with ties and essential bars', () => {
    fc.assert(
      fc.property(tiedDiagrams(5), tiedDiagrams(5), (a, b) => {
        expect(distance(a, b)).toBe(distanceByEnumeration(a, b, power));
      }),
      { numRuns: 400 },
    );
  });

  test('is the least over all matchings, of bars born together', () => {
    const diagrams = tiedDiagramsBornTogether(5);
    fc.assert(
      fc.property(diagrams, diagrams, (a, b) => {
        expect(distance(a, b)).toBe(distanceByEnumeration(a, b, power));
      }),
      { numRuns: 200 },
    );
  });

  test('is the least over all matchings, with any floats', () => {
    fc.assert(
      fc.property(finiteDiagrams(5), finiteDiagrams(5), (a, b) => {
        expectNear(distance(a, b), distanceByEnumeration(a, b, power));
      }),
      { numRuns: 200 },
    );
  });

  test('agrees with another algorithm for dozens of bars', () => {
    for (const diagrams of [tiedFiniteDiagrams, tiedDiagramsBornTogether]) {
      fc.assert(
        fc.property(manyBars(diagrams), manyBars(diagrams), (a, b) => {
          expect(distance(a, b)).toBe(distanceByAssignment(a, b, power));
        }),
        { numRuns: 20 },
      );
    }
    fc.assert(
      fc.property(manyBars(finiteDiagrams), manyBars(finiteDiagrams), (a, b) => {
        expectNear(distance(a, b), distanceByAssignment(a, b, power));
      }),
      { numRuns: 20 },
    );
  });

  test('to the empty diagram is the distance of every bar to the diagonal', () => {
    const lengths = [2, 6, 3];
    const diagram = Float32Array.of(0, 2, 5, 11, 1, 4);
    const halves = lengths.map((length) => length / 2);
    const expected =
      power === Infinity
        ? Math.max(...halves)
        : halves.reduce((sum, half) => sum + half ** power, 0) ** (1 / power);
    expect(distance(diagram, NONE)).toBe(expected);
    expect(distance(NONE, diagram)).toBe(expected);
  });

  test('moves a bar instead of unmatching it, where that is cheaper', () => {
    expect(distance(Float32Array.of(0, 4), Float32Array.of(1, 4))).toBe(1);
    // The two bars are 5 apart; each is 1/2 away from the diagonal.
    const [near, far] = [Float32Array.of(0, 1), Float32Array.of(5, 6)];
    expect(distance(near, far)).toBe({ 1: 1, 2: Math.SQRT1_2, [Infinity]: 0.5 }[power]);
  });

  test('of many bars that each moved a little is the distance of the moves', () => {
    const a = barsFrom(
      Array.from({ length: 300 }, (_, k) => 8 * k),
      1000,
    );
    const b = a.map((x) => x + 1);
    expect(distance(a, b)).toBe(power === Infinity ? 1 : 300 ** (1 / power));
  });

  test('follows a chain of exchanges as long as the diagram', () => {
    // Every bar of a takes the bar of b that is 0.75 before it. The last bar of a comes before all others, and
    // moves each of these matches by one.
    const count = 400;
    const a = barsFrom([...Array.from({ length: count }, (_, k) => 2 * k), -2], 4000);
    const b = barsFrom(
      Array.from({ length: count + 1 }, (_, k) => 2 * k - 0.75),
      4000,
    );
    expectNear(distance(a, b), power === Infinity ? 1.25 : 1.25 * (count + 1) ** (1 / power));
  });

  test('with essential bars adds the differences of the sorted births', () => {
    const a = Float32Array.of(7, Infinity, 0, Infinity, 0, 1);
    const b = Float32Array.of(3, Infinity, 5, Infinity);
    expect(distance(a, b)).toBe({ 1: 5.5, 2: Math.sqrt(9 + 4 + 0.25), [Infinity]: 3 }[power]);
  });

  test('is Infinity where the numbers of essential bars differ', () => {
    expect(distance(Float32Array.of(0, Infinity), NONE)).toBe(Infinity);
    expect(distance(Float32Array.of(0, 1), Float32Array.of(0, 1, 0, Infinity))).toBe(Infinity);
  });

  test('takes the largest and the smallest of floats', () => {
    const [huge, tiny] = [Float32Array.of(-LARGEST, LARGEST), Float32Array.of(0, 2 ** -148)];
    expectNear(distance(huge, NONE), LARGEST);
    expect(distance(huge, huge)).toBe(0);
    expect(distance(tiny, NONE)).toBe(2 ** -149);
    expectNear(distance(Float32Array.of(...tiny, ...huge), huge), 2 ** -149);
  });
});

describe.each(distances)('$name', ({ distance }) => {
  test('is symmetric', () => {
    fc.assert(
      fc.property(tiedDiagrams(20), tiedDiagrams(20), (a, b) => {
        expect(distance(a, b)).toBe(distance(b, a));
      }),
    );
  });

  test('obeys the triangle inequality', () => {
    fc.assert(
      fc.property(finiteDiagrams(12), finiteDiagrams(12), finiteDiagrams(12), (a, b, c) => {
        expect(distance(a, c)).toBeLessThanOrEqual((distance(a, b) + distance(b, c)) * (1 + 1e-12));
      }),
    );
  });

  test('of a diagram to itself in another order, with bars of no length, is 0', () => {
    fc.assert(
      fc.property(tiedDiagrams(20), finiteDiagrams(20), (tied, loose) => {
        for (const diagram of [tied, loose]) {
          const other = [[3, 3] as const, ...barsOf(diagram).toReversed(), [0, 0] as const];
          expect(distance(diagram, Float32Array.from(other.flat()))).toBe(0);
        }
      }),
    );
    expect(distance(NONE, NONE)).toBe(0);
  });

  test('is in the unit of the births, whatever the scale', () => {
    fc.assert(
      fc.property(tiedDiagrams(20), tiedDiagrams(20), (a, b) => {
        for (const scale of [2 ** 30, 2 ** -30]) {
          const scaled = distance(
            a.map((x) => x * scale),
            b.map((x) => x * scale),
          );
          expect(scaled).toBe(distance(a, b) * scale);
        }
      }),
    );
  });

  test('refuses malformed diagrams, and names the argument and the place', () => {
    const good = Float32Array.of(0, 1);
    expect(() => distance(good, Float32Array.of(0, 1, 2))).toThrow(
      new TdaInputError('b has 3 values; expected pairs birth, death, birth, death…'),
    );
    expect(() => distance(Float32Array.of(0, 1, NaN, 2), good)).toThrow(
      new TdaInputError('a[2] (the birth of bar 1) is NaN; expected a finite number'),
    );
    expect(() => distance(good, Float32Array.of(2, 1))).toThrow(
      new TdaInputError('b[1] (the death of bar 0) is 1; expected at least its birth, 2'),
    );
  });
});

describe('distances of diagrams', () => {
  test('do not grow with the order, and that of lifetimes is at most twice the first', () => {
    fc.assert(
      fc.property(tiedFiniteDiagrams(20), tiedFiniteDiagrams(20), (a, b) => {
        const [infinite, second, first] = [
          bottleneckDistance(a, b),
          wasserstein(2)(a, b),
          wasserstein(1)(a, b),
        ];
        expect(infinite).toBeLessThanOrEqual(second * (1 + 1e-12));
        expect(second).toBeLessThanOrEqual(first * (1 + 1e-12));
        expect(sortedLifetimesDistance(a, b)).toBeLessThanOrEqual(2 * first);
        const totals = Math.abs(totalPersistence(a) - totalPersistence(b));
        expect(totals).toBeLessThanOrEqual(sortedLifetimesDistance(a, b));
      }),
    );
  });

  test('of Wasserstein refuse another order', () => {
    // A caller in JavaScript may pass it.
    const power: 1 = JSON.parse('3');
    expect(() => wassersteinDistance(NONE, NONE, { power })).toThrow(
      new TdaInputError('power is 3; expected 1 or 2'),
    );
  });
});

describe('distance of sorted lifetimes', () => {
  test('adds the differences, longest with longest, and pads with zeros', () => {
    const a = Float32Array.of(0, 1, 5, 15, 0, 4);
    const b = Float32Array.of(1, 4, 0, 8);
    expect(sortedLifetimesDistance(a, b)).toBe(10 - 8 + (4 - 3) + 1);
  });

  test('ignores births and essential bars', () => {
    expect(sortedLifetimesDistance(Float32Array.of(0, 1, 0, Infinity), Float32Array.of(7, 8))).toBe(0);
  });
});

function wasserstein(power: 1 | 2) {
  return (a: Float32Array, b: Float32Array): number => wassersteinDistance(a, b, { power });
}

/** Diagrams of 20 to 40 bars, since fast-check prefers small ones. */
function manyBars(diagrams: (maxBars: number) => fc.Arbitrary<Float32Array>): fc.Arbitrary<Float32Array> {
  return fc
    .array(diagrams(10), { minLength: 6, maxLength: 6, size: 'max' })
    .map((parts) => Float32Array.from(parts.flatMap((part) => [...part])));
}

function barsFrom(births: readonly number[], length: number): Float32Array {
  return Float32Array.from(births.flatMap((birth) => [birth, birth + length]));
}

function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-12 * expected);
}
