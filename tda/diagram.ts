import { TdaInputError } from './errors.js';

/** The bars of a diagram that die and have positive length, with ends in float64. */
export interface FiniteBars {
  readonly births: Float64Array;
  readonly deaths: Float64Array;
}

/**
 * Throws TdaInputError, which names the place, unless `diagram` (called `name` in the message) is pairs
 * birth, death, birth, death… with finite births, and deaths not before them. A death of Infinity is an
 * essential bar.
 */
export function checkDiagram(diagram: Float32Array, name = 'diagram'): void {
  if (diagram.length % 2 !== 0) {
    throw new TdaInputError(
      `${name} has ${diagram.length} values; expected pairs birth, death, birth, death…`,
    );
  }
  for (let k = 0; k < diagram.length; k += 2) {
    const birth = diagram[k]!;
    const death = diagram[k + 1]!;
    if (!Number.isFinite(birth)) {
      throw new TdaInputError(
        `${name}[${k}] (the birth of bar ${k / 2}) is ${birth}; expected a finite number`,
      );
    }
    if (!(death >= birth)) {
      throw new TdaInputError(
        `${name}[${k + 1}] (the death of bar ${k / 2}) is ${death}; expected at least its birth, ${birth}`,
      );
    }
  }
}

/**
 * The finite bars of positive length. A bar of length 0 lies on the diagonal, and adds nothing to any
 * measure.
 */
export function finiteBars(diagram: Float32Array): FiniteBars {
  const bars = diagram.length / 2;
  const births = new Float64Array(bars);
  const deaths = new Float64Array(bars);
  let count = 0;
  for (let k = 0; k < diagram.length; k += 2) {
    const birth = diagram[k]!;
    const death = diagram[k + 1]!;
    if (death > birth && death < Infinity) {
      births[count] = birth;
      deaths[count++] = death;
    }
  }
  return { births: births.subarray(0, count), deaths: deaths.subarray(0, count) };
}

/** The lengths of the finite bars of positive length, in their order. */
export function finiteLifetimes(diagram: Float32Array): Float64Array {
  const { births, deaths } = finiteBars(diagram);
  return deaths.map((death, bar) => death - births[bar]!);
}

/** The births of the bars that never die, ascending. */
export function essentialBirths(diagram: Float32Array): Float64Array {
  return Float64Array.from(diagram.filter((_, k) => k % 2 === 0 && diagram[k + 1] === Infinity)).sort();
}
