import type { Work } from '../../tda/pacer.js';

/** Eigenvalues of a real matrix, in no particular order; complex ones come in conjugate pairs. */
export interface Eigenvalues {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** Steps of the iteration for one eigenvalue, after which a shift out of the ordinary breaks a stand-off. */
const STEPS_BEFORE_OTHER_SHIFT = 10;
const MOST_STEPS = 300;

/**
 * All eigenvalues of a real matrix (row-major, size × size; the work leaves it alone): Householder reduction to
 * Hessenberg form, then the implicitly double-shifted QR iteration with deflation (Francis 1961; Golub & Van Loan,
 * Matrix Computations, 4th ed., 7.4.3 and 7.5). Errors are some 1e-15 of the norm of the matrix, and larger for
 * eigenvalues that are defective.
 */
export function* eigenvalues(matrix: Float64Array, size: number): Work<Eigenvalues> {
  const h = matrix.slice();
  yield* reduceToHessenberg(h, size);
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  let end = size - 1;
  let steps = 0;
  while (end >= 0) {
    const start = startOfBlock(h, size, end);
    if (start === end) {
      real[end] = h[end * size + end]!;
      end -= 1;
      steps = 0;
    } else if (start === end - 1) {
      solveTwoByTwo(h, size, start, real, imaginary);
      end -= 2;
      steps = 0;
    } else {
      steps++;
      if (steps > MOST_STEPS)
        throw new Error(`no eigenvalue of a ${size} × ${size} matrix after ${MOST_STEPS} steps`);
      francisStep(h, size, start, end, steps % STEPS_BEFORE_OTHER_SHIFT === 0);
      yield 10 * (end - start) * (end - start);
    }
  }
  return { real, imaginary };
}

/** Makes all entries below the first subdiagonal 0, by similarity. */
function* reduceToHessenberg(h: Float64Array, size: number): Work {
  const v = new Float64Array(size);
  const product = new Float64Array(size);
  for (let column = 0; column < size - 2; column++) {
    let squares = 0;
    for (let row = column + 2; row < size; row++) squares += h[row * size + column]! ** 2;
    if (squares === 0) continue;
    const head = h[(column + 1) * size + column]!;
    const norm = Math.sqrt(squares + head * head);
    // The sign that avoids cancellation.
    const image = head > 0 ? -norm : norm;
    v[column + 1] = head - image;
    for (let row = column + 2; row < size; row++) v[row] = h[row * size + column]!;
    const scale = 2 / (squares + (head - image) ** 2);
    reflectRows(h, size, v, column + 1, scale, product.fill(0));
    reflectColumns(h, size, v, column + 1, scale);
    h[(column + 1) * size + column] = image;
    for (let row = column + 2; row < size; row++) h[row * size + column] = 0;
    yield 4 * size * (size - column);
  }
}

/** H ← (I - scale · v vᵀ) H, for a v that is 0 before `first`. `product` is scratch memory, all 0. */
function reflectRows(
  h: Float64Array,
  size: number,
  v: Float64Array,
  first: number,
  scale: number,
  product: Float64Array,
): void {
  for (let row = first; row < size; row++) {
    const weight = v[row]!;
    const at = row * size;
    for (let column = first - 1; column < size; column++) product[column]! += weight * h[at + column]!;
  }
  for (let row = first; row < size; row++) {
    const weight = scale * v[row]!;
    const at = row * size;
    for (let column = first - 1; column < size; column++) h[at + column]! -= weight * product[column]!;
  }
}

/** H ← H (I - scale · v vᵀ), for a v that is 0 before `first`. */
function reflectColumns(h: Float64Array, size: number, v: Float64Array, first: number, scale: number): void {
  for (let row = 0; row < size; row++) {
    const at = row * size;
    let product = 0;
    for (let column = first; column < size; column++) product += h[at + column]! * v[column]!;
    product *= scale;
    for (let column = first; column < size; column++) h[at + column]! -= product * v[column]!;
  }
}

/** The first row of the unreduced block that ends with row `end`: the subdiagonal entry before it is negligible. */
function startOfBlock(h: Float64Array, size: number, end: number): number {
  for (let row = end; row > 0; row--) {
    const below = row * size + row - 1;
    const beside = Math.abs(h[below - size]!) + Math.abs(h[row * size + row]!);
    if (Math.abs(h[below]!) <= Number.EPSILON * (beside === 0 ? 1 : beside)) {
      h[below] = 0;
      return row;
    }
  }
  return 0;
}

/** Writes the two eigenvalues of the block of rows `start` and `start + 1`. */
function solveTwoByTwo(
  h: Float64Array,
  size: number,
  start: number,
  real: Float64Array,
  imaginary: Float64Array,
): void {
  const at = start * size + start;
  const a = h[at]!;
  const d = h[at + size + 1]!;
  const product = h[at + 1]! * h[at + size]!;
  const half = (a - d) / 2;
  const discriminant = half * half + product;
  if (discriminant >= 0) {
    // The one far from the mean first: the other has no cancellation if it comes from the product of the two.
    const far = half >= 0 ? half + Math.sqrt(discriminant) : half - Math.sqrt(discriminant);
    real[start] = d + far;
    real[start + 1] = far === 0 ? d : d - product / far;
  } else {
    real[start] = real[start + 1] = (a + d) / 2;
    imaginary[start] = Math.sqrt(-discriminant);
    imaginary[start + 1] = -Math.sqrt(-discriminant);
  }
}

/** One QR step with two shifts on the block from `start` to `end`, at least three rows: chases a bulge down. */
function francisStep(h: Float64Array, size: number, start: number, end: number, otherShift: boolean): void {
  const first = start * size + start;
  const last = end * size + end;
  let trace = h[last - size - 1]! + h[last]!;
  let determinant = h[last - size - 1]! * h[last]! - h[last - size]! * h[last - 1]!;
  if (otherShift) {
    // On a permutation, for example, the ordinary shifts are 0 and change nothing.
    const beside = Math.abs(h[last - 1]!) + Math.abs(h[last - size - 2]!);
    trace = 1.5 * beside;
    determinant = beside * beside;
  }
  const a = h[first]!;
  const below = h[first + size]!;
  let x = a * a + h[first + 1]! * below - trace * a + determinant;
  let y = below * (a + h[first + size + 1]! - trace);
  let z = below * h[first + 2 * size + 1]!;
  for (let row = start; row < end; row++) {
    const three = row < end - 1;
    if (!three) z = 0;
    const norm = Math.sqrt(x * x + y * y + z * z);
    if (norm > 0) {
      const image = x > 0 ? -norm : norm;
      const head = x - image;
      const scale = 2 / (head * head + y * y + z * z);
      const firstColumn = Math.max(start, row - 1);
      for (let column = firstColumn; column <= end; column++) {
        const at = row * size + column;
        const third = three ? h[at + 2 * size]! : 0;
        const product = scale * (head * h[at]! + y * h[at + size]! + z * third);
        h[at]! -= product * head;
        h[at + size]! -= product * y;
        if (three) h[at + 2 * size] = third - product * z;
      }
      const lastRow = Math.min(end, row + 3);
      for (let other = start; other <= lastRow; other++) {
        const at = other * size + row;
        const third = three ? h[at + 2]! : 0;
        const product = scale * (head * h[at]! + y * h[at + 1]! + z * third);
        h[at]! -= product * head;
        h[at + 1]! -= product * y;
        if (three) h[at + 2] = third - product * z;
      }
    }
    const next = (row + 1) * size + row;
    x = h[next]!;
    y = row + 2 <= end ? h[next + size]! : 0;
    z = row + 3 <= end ? h[next + 2 * size]! : 0;
  }
  for (let row = start + 2; row <= end; row++) {
    for (let column = start; column < row - 1; column++) h[row * size + column] = 0;
  }
}
