import type { Work } from '../../tda/pacer.js';
import { pointAt } from '../points.js';
import type { Points } from '../points.js';

/** Rows that count as often as they weigh, about their mean. */
export interface Centred extends Points {
  /** How often each row counts. */
  readonly weights: Float64Array;
  readonly mean: Float64Array;
}

/** Rows with their weighted mean, in float64; the weights must not all be 0. */
export function centre(points: Points, weights: Float64Array): Centred {
  const mean = new Float64Array(points.dimension);
  let total = 0;
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row]!;
    const point = pointAt(points, row);
    total += weight;
    for (let column = 0; column < mean.length; column++) mean[column]! += weight * point[column]!;
  }
  for (let column = 0; column < mean.length; column++) mean[column]! /= total;
  return { ...points, weights, mean };
}

// Of 64 rows of 768 coordinates, a block of float64 numbers (393 kB) stays in the second cache.
const BLOCK = 64;
// Vectors are taken four by four: 16 sums from 8 numbers.
const TILE = 4;

/**
 * Σ w (x - mean)(x - mean)ᵀ over rows, in float64: dimension × dimension, of which the lower triangle is filled.
 * Rows pass in blocks, so that memory does not grow with their number.
 */
export function* scatter({ points, dimension, weights, mean }: Centred): Work<Float64Array> {
  const rows = weights.length;
  const products = new BlockProducts(dimension);
  for (let first = 0; first < rows; first += BLOCK) {
    for (let place = 0; place < BLOCK; place++) {
      const row = first + place;
      const root = row < rows ? Math.sqrt(weights[row]!) : 0;
      for (let column = 0; column < dimension; column++) {
        // A place after the last row holds 0.
        products.block[column * BLOCK + place] =
          root === 0 ? 0 : root * (points[row * dimension + column]! - mean[column]!);
      }
    }
    yield* products.add();
  }
  return products.lowerTriangle();
}

/** √w √w' (x - mean)·(x' - mean) of each pair of rows: rows × rows, of which the lower triangle is filled. */
export function* gram({ points, dimension, weights, mean }: Centred): Work<Float64Array> {
  const rows = weights.length;
  const products = new BlockProducts(rows);
  for (let first = 0; first < dimension; first += BLOCK) {
    for (let row = 0; row < rows; row++) {
      const root = Math.sqrt(weights[row]!);
      for (let place = 0; place < BLOCK; place++) {
        const column = first + place;
        products.block[row * BLOCK + place] =
          column < dimension ? root * (points[row * dimension + column]! - mean[column]!) : 0;
      }
    }
    yield* products.add();
  }
  return products.lowerTriangle();
}

/** Sums, over blocks, of the inner products of all pairs of vectors. */
class BlockProducts {
  /** BLOCK numbers of each vector; zeros for the vectors that fill the last tile. */
  readonly block: Float64Array;
  readonly #sums: Float64Array;
  readonly #padded: number;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
    this.#padded = Math.ceil(count / TILE) * TILE;
    this.block = new Float64Array(this.#padded * BLOCK);
    this.#sums = new Float64Array(this.#padded * this.#padded);
  }

  *add(): Work {
    for (let i = 0; i < this.#padded; i += TILE) {
      for (let j = 0; j <= i; j += TILE) addTile(this.block, this.#sums, this.#padded, i, j);
      yield i * TILE * BLOCK;
    }
  }

  lowerTriangle(): Float64Array {
    const [count, padded] = [this.#count, this.#padded];
    if (count === padded) return this.#sums;
    const matrix = new Float64Array(count * count);
    for (let row = 0; row < count; row++) {
      matrix.set(this.#sums.subarray(row * padded, row * padded + count), row * count);
    }
    return matrix;
  }
}

function addTile(block: Float64Array, sums: Float64Array, size: number, i: number, j: number): void {
  let [s00, s01, s02, s03] = [0, 0, 0, 0];
  let [s10, s11, s12, s13] = [0, 0, 0, 0];
  let [s20, s21, s22, s23] = [0, 0, 0, 0];
  let [s30, s31, s32, s33] = [0, 0, 0, 0];
  for (let a = i * BLOCK, b = j * BLOCK, end = a + BLOCK; a < end; a++, b++) {
    const [b0, b1, b2, b3] = [block[b]!, block[b + BLOCK]!, block[b + 2 * BLOCK]!, block[b + 3 * BLOCK]!];
    const a0 = block[a]!;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    const a1 = block[a + BLOCK]!;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    const a2 = block[a + 2 * BLOCK]!;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    const a3 = block[a + 3 * BLOCK]!;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  let at = i * size + j;
  sums[at]! += s00;
  sums[at + 1]! += s01;
  sums[at + 2]! += s02;
  sums[at + 3]! += s03;
  at += size;
  sums[at]! += s10;
  sums[at + 1]! += s11;
  sums[at + 2]! += s12;
  sums[at + 3]! += s13;
  at += size;
  sums[at]! += s20;
  sums[at + 1]! += s21;
  sums[at + 2]! += s22;
  sums[at + 3]! += s23;
  at += size;
  sums[at]! += s30;
  sums[at + 1]! += s31;
  sums[at + 2]! += s32;
  sums[at + 3]! += s33;
}
