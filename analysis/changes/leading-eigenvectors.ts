import type { Work } from '../../tda/pacer.js';
import { SeededRandom } from '../../tda/random.js';
import { symmetricEigen } from '../components/symmetric-eigen.js';

export interface LeadingEigenvectors {
  /** Largest first. */
  readonly values: readonly number[];
  /** Orthonormal, one for each value. */
  readonly vectors: readonly Float64Array[];
}

/** A Ritz pair counts as found where its residual is at most this share of the largest eigenvalue. */
const TOLERANCE = 1e-6;
/** The same where the pair only has to show that nothing larger was missed. */
const COARSE = 1e-2;
/** Shorter, relative to the trace, is what rounding leaves of no vector. */
const NO_VECTOR = 1e-13;
const SEED = 1;

/**
 * The eigenvectors of a symmetric matrix without negative eigenvalues (size × size, both triangles filled) that belong
 * to its largest eigenvalues: the fewest that sum to `share` of the trace, at most `most`.
 *
 * Lanczos with full reorthogonalization (Golub & Van Loan, Matrix Computations, 4th ed., 10.1 and 10.3). A few dozen
 * of 768 take a fraction of the time of a complete reduction. One start vector finds one vector of each eigenvalue
 * only, so rounds from new start vectors, orthogonal to what was found, go on until a round finds nothing larger.
 */
export function* leadingEigenvectors(
  matrix: Float32Array,
  size: number,
  share: number,
  most: number,
): Work<LeadingEigenvectors> {
  const random = new SeededRandom(SEED);
  let trace = 0;
  for (let row = 0; row < size; row++) trace += matrix[row * size + row]!;
  let found: LeadingEigenvectors = { values: [], vectors: [] };
  while (found.values.length < size) {
    const start = startVector(size, found.vectors, random);
    const more = yield* lanczosRound(matrix, size, start, found, { trace, share, most });
    const values = [...found.values, ...more.values];
    const vectors = [...found.vectors, ...more.vectors];
    const order = Array.from(values, (_, at) => at).toSorted((a, b) => values[b]! - values[a]!);
    const sorted = order.map((at) => values[at]!);
    const wanted = order.slice(0, enough(sorted, trace, share, most));
    const isSame = wanted.every((at) => at < found.values.length);
    found = { values: wanted.map((at) => values[at]!), vectors: wanted.map((at) => vectors[at]!) };
    const sum = found.values.reduce((all, value) => all + value, 0);
    const isEnough = found.values.length === most || sum >= share * trace;
    // The round has found none, or what is left cannot hold a larger eigenvalue.
    if (isSame || (isEnough && trace - sum < found.values.at(-1)!)) break;
  }
  return found;
}

interface Wanted {
  readonly trace: number;
  readonly share: number;
  readonly most: number;
}

/** How many of these values, largest first, are wanted. */
function enough(values: readonly number[], trace: number, share: number, most: number): number {
  let count = 0;
  let sum = 0;
  while (count < values.length && count < most && sum < share * trace) sum += values[count++]!;
  return count;
}

/** The eigenvectors that this start vector leads to, orthogonal to those found before. */
function* lanczosRound(
  matrix: Float32Array,
  size: number,
  start: Float64Array,
  before: LeadingEigenvectors,
  wanted: Wanted,
): Work<LeadingEigenvectors> {
  const basis = [start];
  const diagonal: number[] = [];
  const beside: number[] = [];
  const largest = size - before.values.length;
  for (let next = Math.min(largest, 20); ;) {
    const image = multiply(matrix, size, basis.at(-1)!);
    yield size * size;
    diagonal.push(dot(image, basis.at(-1)!));
    // The image has parts along the last two directions, and rounding parts along the others.
    removeDirections(image, basis.slice(-2));
    removeDirections(image, before.vectors);
    removeDirections(image, basis);
    yield 2 * size * (basis.length + before.vectors.length);
    const length = Math.sqrt(dot(image, image));
    const isExhausted = basis.length === largest || length <= NO_VECTOR * wanted.trace;
    if (isExhausted || basis.length >= next) {
      const ritz = yield* ritzPairs(diagonal, beside, Math.min(basis.length, wanted.most));
      if (isExhausted || isSettled(ritz, length, before.values, wanted)) return combine(ritz, basis);
      next = Math.ceil(1.2 * basis.length) + 4;
    }
    beside.push(length);
    basis.push(image.map((x) => x / length));
  }
}

/**
 * Whether the Ritz pairs that are wanted are found, and as many as are wanted; if none is, whether the largest is known
 * well enough to say so. The residual of a pair is `length` times the last coordinate of its vector.
 */
function isSettled(
  ritz: LeadingEigenvectors,
  length: number,
  before: readonly number[],
  { trace, share, most }: Wanted,
): boolean {
  const values = [...before, ...ritz.values].toSorted((a, b) => b - a);
  const least = values[enough(values, trace, share, most) - 1]!;
  const isWhole =
    ritz.values.length === most || values.reduce((sum, value) => sum + value, 0) >= share * trace;
  return (
    isWhole &&
    ritz.values.every((value, at) => {
      const residual = length * Math.abs(ritz.vectors[at]!.at(-1)!);
      if (value >= least) return residual <= TOLERANCE * values[0]!;
      return at > 0 || residual <= COARSE * value;
    })
  );
}

/** The largest eigenvalues of the tridiagonal matrix, and their eigenvectors. */
function* ritzPairs(
  diagonal: readonly number[],
  beside: readonly number[],
  count: number,
): Work<LeadingEigenvectors> {
  const size = diagonal.length;
  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    matrix[row * size + row] = diagonal[row]!;
    if (row > 0) matrix[row * size + row - 1] = beside[row - 1]!;
  }
  const { values, vectors } = yield* symmetricEigen(matrix, size);
  const columns = yield* vectors(count);
  return {
    values: [...values.subarray(0, count)],
    vectors: Array.from({ length: count }, (_, at) => columns.subarray(at * size, (at + 1) * size)),
  };
}

function combine(ritz: LeadingEigenvectors, basis: readonly Float64Array[]): LeadingEigenvectors {
  const vectors = ritz.vectors.map((weights) => {
    const sum = new Float64Array(basis[0]!.length);
    for (const [at, weight] of weights.entries()) addScaled(sum, basis[at]!, weight);
    return sum;
  });
  return { values: ritz.values, vectors };
}

function startVector(size: number, found: readonly Float64Array[], random: SeededRandom): Float64Array {
  const start = Float64Array.from({ length: size }, () => random.normal());
  removeDirections(start, found);
  removeDirections(start, found);
  const length = Math.sqrt(dot(start, start));
  return start.map((x) => x / length);
}

function multiply(matrix: Float32Array, size: number, vector: Float64Array): Float64Array {
  const product = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    const start = row * size;
    let even = 0;
    let odd = 0;
    let column = 0;
    for (; column + 1 < size; column += 2) {
      even += matrix[start + column]! * vector[column]!;
      odd += matrix[start + column + 1]! * vector[column + 1]!;
    }
    if (column < size) even += matrix[start + column]! * vector[column]!;
    product[row] = even + odd;
  }
  return product;
}

/** Takes the parts along orthonormal directions away, in place. */
function removeDirections(vector: Float64Array, directions: readonly Float64Array[]): void {
  for (const direction of directions) addScaled(vector, direction, -dot(vector, direction));
}

function addScaled(vector: Float64Array, other: Float64Array, weight: number): void {
  for (let at = 0; at < vector.length; at++) vector[at]! += weight * other[at]!;
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
  return sum;
}
