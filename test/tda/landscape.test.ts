import * as fc from 'fast-check';
import {
  bottleneckDistance,
  persistenceLandscape,
  TdaInputError,
  type LandscapeOptions,
} from '../../tda/index.js';
import { tiedDiagrams, tiedFiniteDiagrams } from './arbitrary-diagrams.js';
import { barsOf } from '../support/point-clouds.js';

/** Every quarter from -1 to 20. */
const wide = { count: 4, start: -1, end: 20, sampleCount: 85 };
const NONE = new Float32Array(0);

describe('persistence landscape', () => {
  test('of one bar is a tent half as high as the bar is long', () => {
    const landscape = persistenceLandscape(Float32Array.of(1, 5), {
      count: 2,
      start: 0,
      end: 6,
      sampleCount: 7,
    });
    expect(landscape).toEqual([Float64Array.of(0, 0, 1, 2, 1, 0, 0), new Float64Array(7)]);
  });

  test('is the k-th largest tent of its definition', () => {
    fc.assert(
      fc.property(tiedDiagrams(12), (diagram) => {
        const finite = barsOf(diagram).filter(([, death]) => death < Infinity);
        const expected = Array.from({ length: wide.count }, (_, k) =>
          Float64Array.from({ length: wide.sampleCount }, (_, sample) => {
            const t = sample / 4 - 1;
            const tents = finite.map(([birth, death]) => Math.max(0, Math.min(t - birth, death - t)));
            return tents.sort((x, y) => y - x)[k] ?? 0;
          }),
        );
        expect(persistenceLandscape(diagram, wide)).toEqual(expected);
      }),
    );
  });

  test('descends with k and rises and falls no faster than t', () => {
    fc.assert(
      fc.property(tiedDiagrams(12), (diagram) => {
        const landscape = persistenceLandscape(diagram, wide);
        landscape.slice(1).forEach((row, k) => {
          expect(Math.max(...row.map((value, sample) => value - landscape[k]![sample]!))).toBeLessThanOrEqual(
            0,
          );
        });
        for (const row of landscape) {
          const steps = row.subarray(1).map((value, sample) => Math.abs(value - row[sample]!));
          expect(Math.max(...steps)).toBeLessThanOrEqual(0.25);
        }
      }),
    );
  });

  test('moves no farther than the bottleneck distance of the diagrams', () => {
    fc.assert(
      fc.property(tiedFiniteDiagrams(12), tiedFiniteDiagrams(12), (a, b) => {
        const distance = bottleneckDistance(a, b);
        const landscapeB = persistenceLandscape(b, wide);
        persistenceLandscape(a, wide).forEach((row, k) => {
          const moves = row.map((value, sample) => Math.abs(value - landscapeB[k]![sample]!));
          expect(Math.max(...moves)).toBeLessThanOrEqual(distance);
        });
      }),
    );
  });

  test('ends at the end itself, whatever the step rounds to', () => {
    // 0.1 + 3 (0.3 - 0.1) / 3 is 0.30000000000000004.
    const options = { count: 1, start: 0.1, end: 0.3, sampleCount: 4 };
    const [row] = persistenceLandscape(Float32Array.of(0, 4), options);
    expect([row!.at(0), row!.at(-1)]).toEqual([0.1, 0.3]);
  });

  test('without finite bars is 0', () => {
    const flat = Array.from({ length: 4 }, () => new Float64Array(85));
    expect(persistenceLandscape(NONE, wide)).toEqual(flat);
    expect(persistenceLandscape(Float32Array.of(0, Infinity, 3, 3), wide)).toEqual(flat);
  });

  const mistakes: readonly (readonly [Partial<LandscapeOptions>, string])[] = [
    [{ count: 0 }, 'count is 0; expected a whole number of functions, at least 1'],
    [{ count: 1.5 }, 'count is 1.5; expected a whole number of functions, at least 1'],
    [{ sampleCount: 1 }, 'sampleCount is 1; expected a whole number of samples, at least 2'],
    [{ sampleCount: NaN }, 'sampleCount is NaN; expected a whole number of samples, at least 2'],
    [{ start: 20 }, 'start is 20 and end is 20; expected finite numbers in this order'],
    [{ start: NaN }, 'start is NaN and end is 20; expected finite numbers in this order'],
    [{ end: Infinity }, 'start is -1 and end is Infinity; expected finite numbers in this order'],
  ];
  test.each(mistakes)('refuses %j', (mistake, message) => {
    expect(() => persistenceLandscape(NONE, { ...wide, ...mistake })).toThrow(new TdaInputError(message));
  });
});
