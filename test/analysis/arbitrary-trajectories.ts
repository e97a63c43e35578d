import * as fc from 'fast-check';
import type { Trajectory } from '../../analysis/index.js';
import { SeededRandom } from '../../tda/random.js';

/**
 * Trajectories with at least `least` steps. The coordinates are multiples of 1/8 of at most 4, so that differences
 * and sums of squares are exact in any order. Many steps share a row, and rows may be equal, or unused.
 */
export function arbitraryTrajectory({ least = 0, most = 40 } = {}): fc.Arbitrary<Trajectory> {
  return fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }))
    .chain(([dimension, rows]) =>
      fc.record({
        vectors: fc
          .array(fc.integer({ min: -32, max: 32 }), {
            minLength: rows * dimension,
            maxLength: rows * dimension,
          })
          .map((eighths) => Float32Array.from(eighths, (eighth) => eighth / 8)),
        dimension: fc.constant(dimension),
        sequence: fc
          .array(fc.nat({ max: rows - 1 }), { minLength: least, maxLength: most, size: 'max' })
          .map((steps) => Uint32Array.from(steps)),
      }),
    );
}

/** The run that goes backwards. */
export function reversed(trajectory: Trajectory): Trajectory {
  return { ...trajectory, sequence: trajectory.sequence.toReversed() };
}

/** The same trajectory after an exact rotation or reflection: coordinates in another order, with other signs. */
export function signedPermutation(trajectory: Trajectory, seed: number): Trajectory {
  const { vectors, dimension } = trajectory;
  const random = new SeededRandom(Math.abs(seed));
  const order = Array.from({ length: dimension }, (_, at) => at);
  for (let last = dimension - 1; last > 0; last--) {
    const chosen = random.below(last + 1);
    [order[last], order[chosen]] = [order[chosen]!, order[last]!];
  }
  const signs = order.map(() => (random.below(2) === 0 ? 1 : -1));
  const turned = vectors.map((_, place) => {
    const at = place % dimension;
    return signs[at]! * vectors[place - at + order[at]!]!;
  });
  return { ...trajectory, vectors: turned };
}

/** The same trajectory after a random rotation, with the rounding errors of float32. */
export function rotated(trajectory: Trajectory, seed: number): Trajectory {
  const { vectors, dimension } = trajectory;
  const axes = randomAxes(dimension, new SeededRandom(Math.abs(seed)));
  const turned = vectors.map((_, place) => {
    const at = place % dimension;
    let sum = 0;
    for (let from = 0; from < dimension; from++) sum += axes[at]![from]! * vectors[place - at + from]!;
    return sum;
  });
  return { ...trajectory, vectors: turned };
}

/** Orthonormal rows: Gram & Schmidt, twice, on random ones. */
function randomAxes(dimension: number, random: SeededRandom): number[][] {
  const axes: number[][] = [];
  while (axes.length < dimension) {
    let axis = Array.from({ length: dimension }, () => random.below(2001) - 1000);
    for (const other of [...axes, ...axes]) {
      const along = axis.reduce((sum, value, at) => sum + value * other[at]!, 0);
      axis = axis.map((value, at) => value - along * other[at]!);
    }
    const length = Math.hypot(...axis);
    if (length > 1) axes.push(axis.map((value) => value / length));
  }
  return axes;
}
