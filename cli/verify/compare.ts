import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { assertNever } from '../../common/errors.js';
import { canonicalJson } from '../../experiment/ids.js';

export type Verdict =
  | { readonly result: 'equal' }
  /**
   * Pictures of equal size whose 8-bit values differ by at most the tolerance. 0 if another encoder wrote equal
   * pixels.
   */
  | { readonly result: 'close'; readonly largestDifference: number }
  /** `largestDifference` is null for texts and for pictures of different sizes. */
  | { readonly result: 'different'; readonly largestDifference: number | null };

/** Compares an output with the stored one. The caller knows that their bytes differ. */
export function compareOutputs(stored: Artifact, fresh: Artifact, tolerance: number): Verdict {
  switch (stored.modality) {
    case 'text':
      return { result: 'different', largestDifference: null };
    case 'image':
      return comparePictures(stored, fresh, tolerance);
    default:
      return assertNever(stored);
  }
}

function comparePictures(stored: ImageArtifact, fresh: Artifact, tolerance: number): Verdict {
  if (fresh.modality !== 'image') return { result: 'different', largestDifference: null };
  if (stored.width !== fresh.width || stored.height !== fresh.height) {
    return { result: 'different', largestDifference: null };
  }
  let largestDifference = 0;
  for (const [i, value] of stored.pixels.entries()) {
    largestDifference = Math.max(largestDifference, Math.abs(value - fresh.pixels[i]!));
  }
  return { result: largestDifference <= tolerance ? 'close' : 'different', largestDifference };
}

/** Names each key in which two records of provenance differ: `device: "cpu" then, "cuda" now`. */
export function provenanceDifferences(then: object, now: object): string[] {
  const before = flat(then);
  const after = flat(now);
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => `${key}: ${before.get(key) ?? 'nothing'} then, ${after.get(key) ?? 'nothing'} now`);
}

function flat(record: object): Map<string, string> {
  return new Map(
    Object.entries(record).flatMap(([key, value]: [string, unknown]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([inner, it]): [string, string] => [`${key}.${inner}`, canonicalJson(it)])
        : [[key, canonicalJson(value)]],
    ),
  );
}
