import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const REFERENCE_FOLDER = fileURLToPath(new URL('../../../shared/ph-reference/', import.meta.url));

interface EncodedArray {
  readonly shape: readonly number[];
  readonly base64: string;
}

/** A case of the reference folder; its README describes the fields. */
export interface ReferenceCase {
  readonly name: string;
  readonly format: string;
  readonly points?: EncodedArray;
  readonly lower_distances?: EncodedArray;
  readonly maxdim: 0 | 1 | 2;
  readonly coeff: number;
  readonly threshold: number | null;
  readonly n: number;
  readonly num_edges_le_enclosing_radius: number;
  readonly diagrams: readonly (readonly (readonly [number, number | null])[])[];
}

/** Expected distances between two diagrams, without essential bars. */
export interface ReferenceDistances {
  readonly bottleneck: number;
  readonly wasserstein1_inf: number;
  readonly wasserstein2_inf: number;
}

/** The file of expected summaries and distances; its README describes the fields. */
export interface ReferenceMetrics {
  readonly pairs: readonly (ReferenceDistances & {
    readonly a: string;
    readonly b: string;
    readonly dim: number;
  })[];
  readonly inline_pairs: readonly (ReferenceDistances & { readonly a: Bar[]; readonly b: Bar[] })[];
  readonly entropy: Readonly<
    Record<
      string,
      readonly {
        readonly natural: number;
        /** Absent without a finite bar; null for one bar, where the quotient is 0/0. */
        readonly normalised?: number | null;
        readonly sum_of_lengths?: number;
      }[]
    >
  >;
  readonly landscapes: readonly {
    readonly case: string;
    readonly dim: number;
    readonly num_landscapes: number;
    readonly resolution: number;
    readonly sample_range: readonly [number, number];
    readonly values: readonly (readonly number[])[];
  }[];
  readonly images: readonly {
    readonly case: string;
    readonly dim: number;
    readonly birth_range: readonly [number, number];
    readonly pers_range: readonly [number, number];
    readonly resolution: readonly [number, number];
    readonly sigma: number;
    readonly weight: string;
    readonly pixel_integrals: readonly (readonly number[])[];
    readonly centre_samples: readonly (readonly number[])[];
  }[];
  readonly betti_curves: readonly {
    readonly case: string;
    readonly dim: number;
    readonly t: readonly number[];
    readonly betti: readonly number[];
  }[];
}

export function hasReference(): boolean {
  return existsSync(REFERENCE_FOLDER);
}

/** The reference cases; empty if the folder is absent. */
export function referenceCases(): ReferenceCase[] {
  if (!hasReference()) return [];
  return readdirSync(REFERENCE_FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => readReference(file) as ReferenceCase)
    .filter((reference) => reference.format === 'panic-ph-reference/1');
}

/** The expected summaries; empty if the folder is absent. */
export function referenceMetrics(): ReferenceMetrics {
  return hasReference()
    ? (readReference('metrics.json') as ReferenceMetrics)
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

function readReference(file: string): unknown {
  return JSON.parse(readFileSync(`${REFERENCE_FOLDER}${file}`, 'utf8'));
}

export function decodeFloats(array: EncodedArray): Float32Array {
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

/** A uniform generator on [0, 1) with a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` points of independent uniform coordinates. */
export function randomPoints(count: number, dimension: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count * dimension }, () => random());
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
