import { AnalysisInputError } from '../errors.js';

/**
 * Holm's adjusted p-values: rejecting those <= α keeps the chance of any false rejection in the family at α. A null
 * entry is a test that was not made: it stays null and does not count.
 *
 * Throws AnalysisInputError, which names the place, for a value outside of [0, 1].
 *
 * Source: Holm 1979, Scand. J. Stat. 6:65.
 */
export function holm(p: readonly (number | null)[]): (number | null)[] {
  const tests = fromSmallest(p);
  const adjusted: (number | null)[] = p.map(() => null);
  let largest = 0;
  tests.forEach(({ value, place }, rank) => {
    largest = Math.max(largest, Math.min(1, (tests.length - rank) * value));
    adjusted[place] = largest;
  });
  return adjusted;
}

/**
 * The q-values of Benjamini & Hochberg: rejecting those <= α keeps the expected share of false rejections among
 * all rejections at α, if the tests are independent or positively dependent. A null entry is a test that was not
 * made: it stays null and does not count.
 *
 * Throws AnalysisInputError, which names the place, for a value outside of [0, 1].
 *
 * Source: Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57:289.
 */
export function benjaminiHochberg(p: readonly (number | null)[]): (number | null)[] {
  const tests = fromSmallest(p);
  const adjusted: (number | null)[] = p.map(() => null);
  let smallest = 1;
  for (let rank = tests.length - 1; rank >= 0; rank--) {
    const { value, place } = tests[rank]!;
    smallest = Math.min(smallest, (tests.length / (rank + 1)) * value);
    adjusted[place] = smallest;
  }
  return adjusted;
}

function fromSmallest(p: readonly (number | null)[]): { value: number; place: number }[] {
  const tests = p.flatMap((value, place) => {
    if (value === null) return [];
    if (!(value >= 0 && value <= 1)) {
      throw new AnalysisInputError(
        `p[${place}] is ${value}; expected a number from 0 to 1, or null for a test not made`,
      );
    }
    return [{ value, place }];
  });
  return tests.toSorted((a, b) => a.value - b.value);
}
