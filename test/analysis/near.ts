import { expect } from '@jest/globals';

const RELATIVE = 1e-6;
const ABSOLUTE = 1e-9;

/**
 * Expects values of the reference within its tolerance: 1e-6 relative, 1e-9 absolute near 0. Null equals null
 * alone. `name` is in the message.
 */
export function expectNear(
  name: string,
  actual: ArrayLike<number> | number | null,
  expected: ArrayLike<number> | number | null,
): void {
  if (actual === null || expected === null) {
    expect([name, actual]).toEqual([name, expected]);
  } else if (typeof actual === 'number' || typeof expected === 'number') {
    expectNear(name, [Number(actual)], [Number(expected)]);
  } else {
    expect([name, actual.length]).toEqual([name, expected.length]);
    for (let place = 0; place < expected.length; place++) {
      const tolerance = Math.max(ABSOLUTE, RELATIVE * Math.abs(expected[place]!));
      const error = Math.abs(actual[place]! - expected[place]!);
      if (!(error <= tolerance)) expect([name, place, actual[place]]).toEqual([name, place, expected[place]]);
    }
  }
}
