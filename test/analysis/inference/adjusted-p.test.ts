import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, benjaminiHochberg, holm } from '../../../analysis/index.js';
import { describeReference, readReference } from '../reference.js';

const families = fc.array(
  fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(null, 0.01, 1)),
  {
    maxLength: 20,
  },
);

/** Rejected by the procedure as its paper tells it, step by step. */
function rejectedByHolm(p: readonly number[], level: number): number[] {
  const ascending = p.toSorted((a, b) => a - b);
  const kept = ascending.findIndex((value, rank) => value * (p.length - rank) > level);
  return kept === -1 ? ascending : ascending.slice(0, kept);
}

function rejectedByBenjaminiHochberg(p: readonly number[], level: number): number[] {
  const ascending = p.toSorted((a, b) => a - b);
  const last = ascending.findLastIndex((value, rank) => (value * p.length) / (rank + 1) <= level);
  return ascending.slice(0, last + 1);
}

describeReference('adjusted p-values of statsmodels', () => {
  const { p_values: p, adjusted } = readReference(
    'statistics.json',
    z.object({
      p_values: z.array(z.number()),
      adjusted: z.object({ holm: z.array(z.number()), benjamini_hochberg: z.array(z.number()) }),
    }),
  );

  test.each([
    { name: 'Holm', adjust: holm, expected: adjusted.holm },
    { name: 'Benjamini-Hochberg', adjust: benjaminiHochberg, expected: adjusted.benjamini_hochberg },
  ])('$name', ({ adjust, expected }) => {
    adjust(p).forEach((value, place) => expect(value).toBeCloseTo(expected[place]!, 12));
  });
});

describe.each([
  { name: 'holm', adjust: holm, rejected: rejectedByHolm },
  { name: 'benjaminiHochberg', adjust: benjaminiHochberg, rejected: rejectedByBenjaminiHochberg },
])('$name', ({ adjust, rejected }) => {
  test('rejects at every level what the steps of its paper reject', () => {
    fc.assert(
      fc.property(families, fc.double({ min: 0, max: 0.999, noNaN: true }), (p, level) => {
        const adjusted = adjust(p);
        const values = p.filter((value) => value !== null);
        const byAdjusted = values.filter((value) => adjusted[p.indexOf(value)]! <= level);
        expect(byAdjusted.toSorted((a, b) => a - b)).toEqual(rejected(values, level));
      }),
    );
  });

  test('keeps null entries null, and does not count them', () => {
    fc.assert(
      fc.property(families, (p) => {
        const adjusted = adjust(p);
        expect(adjusted.map((value) => value === null)).toEqual(p.map((value) => value === null));
        expect(adjusted.filter((value) => value !== null)).toEqual(
          adjust(p.filter((value) => value !== null)),
        );
      }),
    );
    expect(adjust([null, null])).toEqual([null, null]);
    expect(adjust([])).toEqual([]);
  });

  test('never lowers a p-value, never passes 1, and gives equal values to equal ones', () => {
    fc.assert(
      fc.property(families, (p) => {
        const adjusted = adjust(p);
        const byValue = new Map(p.map((value, place) => [value, adjusted[place]]));
        p.forEach((value, place) => {
          if (value === null) return;
          expect(adjusted[place]).toBeGreaterThanOrEqual(value);
          expect(adjusted[place]).toBeLessThanOrEqual(1);
          expect(adjusted[place]).toBe(byValue.get(value));
        });
      }),
    );
  });

  test.each([NaN, -0.1, 1.1, Infinity])('refuses %p', (value) => {
    expect(() => adjust([0.5, null, value])).toThrow(AnalysisInputError);
    expect(() => adjust([0.5, null, value])).toThrow(`p[2] is ${value}`);
  });
});
