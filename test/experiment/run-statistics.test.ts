import { describe, expect, test } from '@jest/globals';
import { describeRunCurve, RUN_CURVE_NAMES } from '../../experiment/run-curves.js';
import { describeRunStatistic, RUN_STATISTIC_NAMES } from '../../experiment/run-statistics.js';

const described = RUN_STATISTIC_NAMES.map((name) => ({ name, ...describeRunStatistic(name) }));

describe('the descriptions of the numbers of a run', () => {
  test('have the name of the column in the name of the number', () => {
    for (const { name, column } of described) {
      expect(column).toBe(name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    }
  });

  test('have a title of their own', () => {
    expect(new Set(described.map(({ title }) => title)).size).toBe(described.length);
  });

  test('are sentences, with a null rule that continues one', () => {
    for (const { sentence, nullRule } of described) {
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      if (nullRule !== null) expect(nullRule).toMatch(/^[a-z].*[^.]$/);
    }
  });

  test('have a range, and decimals where the number is real', () => {
    for (const { least, most, stored, decimals } of described) {
      expect(least).toBeLessThan(most);
      expect(decimals === 0).toBe(stored === 'integer');
    }
  });
});

test('each curve has a name and a title of its own', () => {
  const curves = RUN_CURVE_NAMES.map((name) => describeRunCurve(name));
  expect(new Set(curves.map(({ name }) => name)).size).toBe(curves.length);
  expect(new Set(curves.map(({ title }) => title)).size).toBe(curves.length);
  for (const { name, sentence } of curves) {
    expect(name).toMatch(/^[a-z_]+$/);
    expect(sentence).toMatch(/^[A-Z].*\.$/);
  }
});
