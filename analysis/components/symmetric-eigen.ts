import type { Work } from '../../tda/pacer.js';

/** Eigenvalues of a symmetric matrix, and as many of its eigenvectors as the caller asks for. */
export interface Eigensystem {
  /** Largest first. */
  readonly values: Float64Array;
  /** Orthonormal eigenvectors of the `count` largest values: count × size, row-major. */
  readonly vectors: (count: number) => Work<Float64Array>;
}

// Where the largest entry of the matrix is about 1, a length below this is 0: its square would lose bits.
const SHORTEST = 1e-140;
const EPSILON = 2 ** -52;
// QL needs fewer than two sweeps for an eigenvalue. More than 60 is a bug, or a matrix that is not finite.
const MOST_SWEEPS = 60;
// Numbers of rotations between two pauses: three to a rotation.
const PIECE = 3 * 1024;

/**
 * The eigensystem of a symmetric matrix, size × size, of which only the lower triangle is read. The matrix is
 * overwritten, and must be left alone until the vectors are computed.
 *
 * Householder's reduction to a tridiagonal matrix, then QL with implicit shifts (Martin, Reinsch & Wilkinson 1968,
 * Numer. Math. 11:181; Dubrulle, Martin & Wilkinson 1968, Numer. Math. 12:377). The rotations of QL are recorded, and
 * later applied to the eigenvectors that are wanted alone: 50 of 768 take a fifteenth of the time of all. The
 * arithmetic is sums, products, quotients and square roots, so every machine computes the same bits.
 */
export function* symmetricEigen(matrix: Float64Array, size: number): Work<Eigensystem> {
  const scale = scaleToOne(matrix, size);
  const { diagonal, below, halfSquares } = yield* tridiagonalize(matrix, size);
  const rotations = yield* diagonalize(diagonal, below);
  const order = Uint32Array.from(diagonal, (_, place) => place).sort(
    (i, j) => diagonal[j]! - diagonal[i]! || i - j,
  );
  return {
    values: Float64Array.from(order, (place) => diagonal[place]! / scale),
    *vectors(count) {
      // Coordinate by coordinate, so that each step runs over all vectors at once.
      const turned = new Float64Array(size * count);
      for (let vector = 0; vector < count; vector++) turned[order[vector]! * count + vector] = 1;
      yield* rotateBack(turned, count, rotations);
      yield* reflectBack(turned, count, matrix, halfSquares);
      return turned.map((_, place) => turned[(place % size) * count + Math.floor(place / size)]!);
    },
  };
}

/** Multiplies by a power of two, which is exact, so that no square of an entry overflows or vanishes; returns it. */
function scaleToOne(matrix: Float64Array, size: number): number {
  let largest = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      largest = Math.max(largest, Math.abs(matrix[row * size + column]!));
    }
  }
  let scale = 1;
  while (largest * scale > 2) scale /= 2;
  if (largest > 0) while (largest * scale < 1) scale *= 2;
  for (let place = 0; place < matrix.length; place++) matrix[place]! *= scale;
  return scale;
}

/**
 * Reflections P = I - u uᵀ / h, one for each row from the last, take the row's entries left of its neighbour of the
 * diagonal to 0. Row i of the matrix then holds u, and `halfSquares[i]` holds h = uᵀu / 2, or 0 for no reflection.
 */
function* tridiagonalize(
  matrix: Float64Array,
  size: number,
): Work<{ diagonal: Float64Array; below: Float64Array; halfSquares: Float64Array }> {
  const diagonal = new Float64Array(size);
  /** below[i] couples i and i + 1. */
  const below = new Float64Array(size);
  const halfSquares = new Float64Array(size);
  const p = new Float64Array(size);
  for (let row = size - 1; row > 0; row--) {
    const u = matrix.subarray(row * size, row * size + row);
    const last = u[row - 1]!;
    let squared = 0;
    for (let column = 0; column < row - 1; column++) squared += u[column]! * u[column]!;
    if (squared <= SHORTEST ** 2) {
      below[row - 1] = last;
      continue;
    }
    squared += last * last;
    const length = last >= 0 ? -Math.sqrt(squared) : Math.sqrt(squared);
    below[row - 1] = length;
    const h = squared - last * length;
    halfSquares[row] = h;
    u[row - 1] = last - length;
    reflectLeadingPart(matrix, size, u, h, p);
    yield row * row;
  }
  for (let row = 0; row < size; row++) diagonal[row] = matrix[row * size + row]!;
  return { diagonal, below, halfSquares };
}

/** A -> P A P for the leading part of A that u spans: A - u qᵀ - q uᵀ, q = p - (uᵀp / 2h) u, p = A u / h. */
function reflectLeadingPart(
  matrix: Float64Array,
  size: number,
  u: Float64Array,
  h: number,
  p: Float64Array,
): void {
  const count = u.length;
  p.fill(0, 0, count);
  for (let row = 0; row < count; row++) {
    const start = row * size;
    const own = u[row]!;
    let sum = matrix[start + row]! * own;
    for (let column = 0; column < row; column++) {
      const entry = matrix[start + column]!;
      sum += entry * u[column]!;
      p[column]! += entry * own;
    }
    p[row]! += sum;
  }
  let projection = 0;
  for (let row = 0; row < count; row++) {
    p[row]! /= h;
    projection += p[row]! * u[row]!;
  }
  const half = projection / (2 * h);
  for (let row = 0; row < count; row++) {
    p[row]! -= half * u[row]!;
    const start = row * size;
    const [ownU, ownQ] = [u[row]!, p[row]!];
    for (let column = 0; column <= row; column++) {
      matrix[start + column]! -= ownU * p[column]! + ownQ * u[column]!;
    }
  }
}

/** Makes the tridiagonal matrix diagonal, in place, and returns its rotations: place, cosine, sine of each. */
function* diagonalize(diagonal: Float64Array, below: Float64Array): Work<Float64Array> {
  const size = diagonal.length;
  // Most matrices take some size² rotations; the list grows when they need more room.
  let rotations = new Float64Array(2 * size * size);
  let recorded = 0;
  for (let first = 0; first < size; first++) {
    for (let sweep = 0; ; sweep++) {
      let last = first;
      while (last < size - 1) {
        const neighbours = Math.abs(diagonal[last]!) + Math.abs(diagonal[last + 1]!);
        if (Math.abs(below[last]!) <= EPSILON * neighbours + SHORTEST) break;
        last++;
      }
      if (last === first) break;
      if (sweep === MOST_SWEEPS) {
        throw new Error(
          `QL made ${MOST_SWEEPS} sweeps for eigenvalue ${first} of ${size}, and did not converge`,
        );
      }
      if (recorded + 3 * (last - first) > rotations.length) {
        const longer = new Float64Array(2 * rotations.length);
        longer.set(rotations);
        rotations = longer;
      }
      let half = (diagonal[first + 1]! - diagonal[first]!) / (2 * below[first]!);
      const root = Math.sqrt(half * half + 1);
      half += half >= 0 ? root : -root;
      let bulge = diagonal[last]! - diagonal[first]! + below[first]! / half;
      let [cosine, sine, shift] = [1, 1, 0];
      let place = last - 1;
      for (; place >= first; place--) {
        const f = sine * below[place]!;
        const b = cosine * below[place]!;
        const length = Math.sqrt(f * f + bulge * bulge);
        below[place + 1] = length;
        // Both may vanish by underflow.
        if (length === 0) {
          diagonal[place + 1]! -= shift;
          break;
        }
        sine = f / length;
        cosine = bulge / length;
        const shifted = diagonal[place + 1]! - shift;
        const turned = (diagonal[place]! - shifted) * sine + 2 * cosine * b;
        shift = sine * turned;
        diagonal[place + 1] = shifted + shift;
        bulge = cosine * turned - b;
        rotations[recorded++] = place;
        rotations[recorded++] = cosine;
        rotations[recorded++] = sine;
      }
      if (place < first) {
        diagonal[first]! -= shift;
        below[first] = bulge;
      }
      below[last] = 0;
      yield 20 * (last - first);
    }
  }
  return rotations.subarray(0, recorded);
}

/** The rotations, from the last to the first, of all vectors. */
function* rotateBack(turned: Float64Array, count: number, rotations: Float64Array): Work {
  for (let end = rotations.length; end > 0; end -= PIECE) {
    const piece = rotations.subarray(Math.max(0, end - PIECE), end);
    rotatePiece(turned, count, piece);
    yield piece.length * count;
  }
}

function rotatePiece(turned: Float64Array, count: number, rotations: Float64Array): void {
  for (let at = rotations.length - 3; at >= 0; at -= 3) {
    const start = rotations[at]! * count;
    const [cosine, sine] = [rotations[at + 1]!, rotations[at + 2]!];
    for (let upper = start, lower = start + count; upper < start + count; upper++, lower++) {
      const [x, y] = [turned[upper]!, turned[lower]!];
      turned[upper] = cosine * x + sine * y;
      turned[lower] = cosine * y - sine * x;
    }
  }
}

/** The reflections, from the last that was made to the first, of all vectors. */
function* reflectBack(
  turned: Float64Array,
  count: number,
  matrix: Float64Array,
  halfSquares: Float64Array,
): Work {
  const size = halfSquares.length;
  const products = new Float64Array(count);
  for (let row = 1; row < size; row++) {
    if (halfSquares[row] === 0) continue;
    reflect(turned, products, matrix.subarray(row * size, row * size + row), halfSquares[row]!);
    yield 2 * row * count;
  }
}

/** v - u (uᵀv / h) of all vectors v. */
function reflect(turned: Float64Array, products: Float64Array, u: Float64Array, h: number): void {
  const count = products.length;
  products.fill(0);
  for (let column = 0; column < u.length; column++) {
    const share = u[column]! / h;
    const start = column * count;
    for (let vector = 0; vector < count; vector++) products[vector]! += share * turned[start + vector]!;
  }
  for (let column = 0; column < u.length; column++) {
    const own = u[column]!;
    const start = column * count;
    for (let vector = 0; vector < count; vector++) turned[start + vector]! -= own * products[vector]!;
  }
}
