import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readJsonFile } from './json.js';

const REFERENCE_FOLDER = fileURLToPath(new URL('../../../shared/ph-reference/', import.meta.url));
const METRICS = 'metrics.json';

const EncodedArray = z.object({ shape: z.array(z.number()), base64: z.string() });
const Pair = z.tuple([z.number(), z.number()]);
const Rows = z.array(z.array(z.number()));

/** A case of the reference folder; its README describes the fields. */
const ReferenceCase = z.object({
  name: z.string(),
  format: z.literal('panic-ph-reference/1'),
  points: EncodedArray.optional(),
  lower_distances: EncodedArray.optional(),
  maxdim: z.literal([0, 1, 2]),
  coeff: z.number(),
  threshold: z.number().nullable(),
  n: z.number(),
  num_edges_le_enclosing_radius: z.number(),
  diagrams: z.array(z.array(z.tuple([z.number(), z.number().nullable()]))),
});
type ReferenceCase = z.output<typeof ReferenceCase>;

/** Expected distances between two diagrams, without essential bars. */
const ReferenceDistances = z.object({
  bottleneck: z.number(),
  wasserstein1_inf: z.number(),
  wasserstein2_inf: z.number(),
});
export type ReferenceDistances = z.output<typeof ReferenceDistances>;

/** The file of expected summaries and distances; its README describes the fields. */
const ReferenceMetrics = z.object({
  pairs: z.array(ReferenceDistances.extend({ a: z.string(), b: z.string(), dim: z.number() })),
  inline_pairs: z.array(ReferenceDistances.extend({ a: z.array(Pair), b: z.array(Pair) })),
  entropy: z.record(
    z.string(),
    z.array(
      z.object({
        natural: z.number(),
        /** Absent without a finite bar; null for one bar, where the quotient is 0/0. */
        normalised: z.number().nullish(),
        sum_of_lengths: z.number().optional(),
      }),
    ),
  ),
  landscapes: z.array(
    z.object({
      case: z.string(),
      dim: z.number(),
      num_landscapes: z.number(),
      resolution: z.number(),
      sample_range: Pair,
      values: Rows,
    }),
  ),
  images: z.array(
    z.object({
      case: z.string(),
      dim: z.number(),
      birth_range: Pair,
      pers_range: Pair,
      resolution: Pair,
      sigma: z.number(),
      weight: z.string(),
      pixel_integrals: Rows,
      centre_samples: Rows,
    }),
  ),
  betti_curves: z.array(
    z.object({ case: z.string(), dim: z.number(), t: z.array(z.number()), betti: z.array(z.number()) }),
  ),
});
type ReferenceMetrics = z.output<typeof ReferenceMetrics>;

export function hasReference(): boolean {
  return existsSync(REFERENCE_FOLDER);
}

/** The reference cases; empty if the folder is absent. */
export function referenceCases(): ReferenceCase[] {
  if (!hasReference()) return [];
  return readdirSync(REFERENCE_FOLDER)
    .filter((file) => file.endsWith('.json') && file !== METRICS)
    .map((file) => readJsonFile(`${REFERENCE_FOLDER}${file}`, ReferenceCase));
}

/** The expected summaries; empty if the folder is absent. */
export function referenceMetrics(): ReferenceMetrics {
  return hasReference()
    ? readJsonFile(`${REFERENCE_FOLDER}${METRICS}`, ReferenceMetrics)
    : { pairs: [], inline_pairs: [], entropy: {}, landscapes: [], images: [], betti_curves: [] };
}

/** `describe` if the reference folder is there. Elsewhere one skipped test, and a line that says so. */
export function describeReference(title: string, tests: () => void): void {
  if (hasReference()) {
    describe(title, tests);
    return;
  }
  // Jest prints no console output of a file whose tests are all skipped.
  process.stderr.write(`shared/ph-reference is absent; skipped: ${title}\n`);
  // Jest accepts neither an empty suite nor an empty table of cases.
  describe.skip(title, () => test('shared/ph-reference is absent', () => {}));
}

export function decodeFloats(array: z.output<typeof EncodedArray>): Float32Array {
  const bytes = Buffer.from(array.base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** The diagram of a reference case in one degree, in the form of the kernel. */
export function referenceDiagram(reference: ReferenceCase, degree: number): Float32Array {
  return Float32Array.from(
    (reference.diagrams[degree] ?? []).flatMap(([birth, death]) => [birth, death ?? Infinity]),
  );
}

export type Bar = readonly [birth: number, death: number];

export function barsOf(diagram: Float32Array): Bar[] {
  return Array.from({ length: diagram.length / 2 }, (_, bar) => [diagram[2 * bar]!, diagram[2 * bar + 1]!]);
}

/**
 * Whether two diagrams are the same multiset of bars up to `tolerance` in birth and death. Bars no longer
 * than twice the tolerance do not count. The others must match one to one (a perfect matching, by augmenting
 * paths).
 */
export function areSameBars(a: Float32Array, b: Float32Array, tolerance: number): boolean {
  const left = barsOf(a).filter(([birth, death]) => death - birth > 2 * tolerance);
  const right = barsOf(b).filter(([birth, death]) => death - birth > 2 * tolerance);
  if (left.length !== right.length) return false;
  const takenBy: number[] = right.map(() => -1);
  const augment = (bar: number, seen: Set<number>): boolean =>
    right.some((other, place) => {
      if (seen.has(place) || !isNear(left[bar]!, other, tolerance)) return false;
      seen.add(place);
      if (takenBy[place]! >= 0 && !augment(takenBy[place]!, seen)) return false;
      takenBy[place] = bar;
      return true;
    });
  return left.every((_, bar) => augment(bar, new Set()));
}

function isNear(a: Bar, b: Bar, tolerance: number): boolean {
  const isSameDeath = a[1] === b[1] || Math.abs(a[1] - b[1]) <= tolerance;
  return isSameDeath && Math.abs(a[0] - b[0]) <= tolerance;
}

// A look at a global is slow inside of Jest, and some tests draw millions of numbers.
const { imul } = Math;

/** A uniform generator on [0, 1) with a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` points of independent uniform coordinates. */
export function randomPoints(count: number, dimension: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const points = new Float32Array(count * dimension);
  for (let place = 0; place < points.length; place++) points[place] = random();
  return points;
}

/**
 * Three simplices of `m` corners around the origin, in orthogonal subspaces, slightly distorted. Nearly (m -
 * 1)³ voids are born before the first dies. Their relations take more memory than is reserved for so few
 * points.
 */
export function threeSimplices(m: number): { readonly points: Float32Array; readonly dimension: number } {
  const dimension = 3 * m;
  const random = seededRandom(12_345);
  const points = Float32Array.from({ length: dimension ** 2 }, (_, place) => {
    const [row, column] = [Math.floor(place / dimension), place % dimension];
    if (Math.floor(row / m) !== Math.floor(column / m)) return 0;
    return (row === column ? 1 : 0) - 1 / m + 0.01 * (random() - 0.5);
  });
  return { points, dimension };
}
