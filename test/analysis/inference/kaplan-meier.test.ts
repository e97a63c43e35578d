import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, kaplanMeier } from '../../../analysis/index.js';
import { describeReference, readReference } from '../reference.js';

const runs = fc.array(fc.tuple(fc.nat(9), fc.nat(1)), { maxLength: 25 }).map((pairs) => ({
  time: Float64Array.from(pairs, ([time]) => time),
  absorbed: Uint8Array.from(pairs, ([, absorbed]) => absorbed),
}));

describeReference('Kaplan-Meier curve of statsmodels', () => {
  test('the same times, shares and median', () => {
    const { kaplan_meier: expected } = readReference(
      'statistics.json',
      z.object({
        kaplan_meier: z.object({
          time: z.array(z.number()),
          absorbed: z.array(z.number()),
          at: z.array(z.number()),
          survival: z.array(z.number()),
          median: z.number(),
        }),
      }),
    );
    const curve = kaplanMeier(Float64Array.from(expected.time), Uint8Array.from(expected.absorbed));
    expect([...curve.at]).toEqual(expected.at);
    curve.survival.forEach((share, place) => expect(share).toBeCloseTo(expected.survival[place]!, 9));
    expect(curve.median).toBe(expected.median);
  });
});

describe('kaplanMeier', () => {
  test('counts at each time of an absorption the runs that are still there', () => {
    fc.assert(
      fc.property(runs, ({ time, absorbed }) => {
        const curve = kaplanMeier(time, absorbed);
        const times = new Set(time.filter((_, run) => absorbed[run] === 1));
        expect([...curve.at]).toEqual([...times].toSorted((a, b) => a - b));
        curve.at.forEach((at, place) => {
          expect(curve.atRisk[place]).toBe(time.filter((other) => other >= at).length);
        });
      }),
    );
  });

  test('multiplies the shares that go on', () => {
    fc.assert(
      fc.property(runs, ({ time, absorbed }) => {
        const curve = kaplanMeier(time, absorbed);
        curve.survival.forEach((share, place) => {
          const before = curve.survival[place - 1] ?? 1;
          const lost = time.filter((at, run) => at === curve.at[place] && absorbed[run] === 1).length;
          expect(share).toBeCloseTo(before * (1 - lost / curve.atRisk[place]!), 12);
        });
      }),
    );
  });

  test('without censoring is the share of later times, and the median the first time that half of the runs reach', () => {
    fc.assert(
      fc.property(runs, ({ time }) => {
        fc.pre(time.length > 0);
        const curve = kaplanMeier(time, new Uint8Array(time.length).fill(1));
        curve.at.forEach((at, place) => {
          expect(curve.survival[place]).toBeCloseTo(
            time.filter((other) => other > at).length / time.length,
            12,
          );
        });
        expect(curve.median).toBe(time.toSorted()[Math.ceil(time.length / 2) - 1]);
      }),
    );
  });

  test('does not depend on the order of runs', () => {
    fc.assert(
      fc.property(runs, ({ time, absorbed }) => {
        expect(kaplanMeier(time.toReversed(), absorbed.toReversed())).toEqual(kaplanMeier(time, absorbed));
      }),
    );
  });

  test('has no median where more than half stay free, and nothing where no run is absorbed', () => {
    expect(kaplanMeier(Float64Array.of(1, 2, 3), Uint8Array.of(1, 0, 0)).median).toBeNull();
    const nothing = {
      at: new Float64Array(0),
      survival: new Float64Array(0),
      atRisk: new Uint32Array(0),
      median: null,
    };
    expect(kaplanMeier(Float64Array.of(5, 5), Uint8Array.of(0, 0))).toEqual(nothing);
    expect(kaplanMeier(new Float64Array(0), new Uint8Array(0))).toEqual(nothing);
  });

  test.each([
    [Float64Array.of(1, -1), Uint8Array.of(1, 1), 'time[1] is -1'],
    [Float64Array.of(NaN), Uint8Array.of(1), 'time[0] is NaN'],
    [Float64Array.of(Infinity), Uint8Array.of(0), 'time[0] is Infinity'],
    [Float64Array.of(1), Uint8Array.of(2), 'absorbed[0] is 2'],
    [Float64Array.of(1), Uint8Array.of(), 'time has 1 runs and absorbed 0'],
  ])('refuses malformed runs, and names the place', (time, absorbed, message) => {
    expect(() => kaplanMeier(time, absorbed)).toThrow(AnalysisInputError);
    expect(() => kaplanMeier(time, absorbed)).toThrow(message);
  });
});
