import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { editDistance, nearest } from '../../common/nearest.js';

describe('the nearest name', () => {
  const names = ['DummyT2I', 'DummyI2T', 'ProceduralPainter', 'PatternPainter', 'max_length'];
  test.each([
    ['DumyT2I', 'DummyT2I'],
    ['dummy-t2i', 'DummyT2I'],
    ['ProceduralPianter', 'ProceduralPainter'],
    ['patternpainter', 'PatternPainter'],
    ['max_lenght', 'max_length'],
    ['run_length', 'max_length'],
  ])('to %s is %s', (name, expected) => {
    expect(nearest(name, names)).toBe(expected);
  });

  test.each(['', 'x', '💥', 'FluxSchnell', 'a'.repeat(10_000)])('to %j is none', (name) => {
    expect(nearest(name, names)).toBeNull();
  });
});

test('edit distance is zero only for equal texts, symmetric, and at most the longer length', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(distance).toBe(editDistance(b, a));
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
    }),
  );
});

test.each([
  ['kitten', 'sitting', 3],
  ['ab', 'ba', 1],
  ['', 'abc', 3],
])('edit distance of %s and %s is %i', (a, b, expected) => {
  expect(editDistance(a, b)).toBe(expected);
});
