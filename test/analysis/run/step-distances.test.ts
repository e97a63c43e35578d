import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Trajectory } from '../../../analysis/index.js';
import { comparePairs } from '../../../analysis/run/pair-pass.js';
import { StepDistances } from '../../../analysis/run/step-distances.js';
import { atOnce } from '../../../tda/pacer.js';
import { arbitraryTrajectory } from '../arbitrary-trajectories.js';

/** Enough rows for several blocks of the kernel. */
const arbitraryWalk = fc
  .record({
    rows: fc.integer({ min: 1, max: 70 }),
    steps: fc.array(fc.nat({ max: 69 }), { minLength: 2, maxLength: 120, size: 'max' }),
    fresh: fc.boolean(),
  })
  .map(({ rows, steps, fresh }): Trajectory => {
    const vectors = Float32Array.from({ length: rows * 3 }, (_, place) => ((place * 7919) % 64) / 8);
    const sequence = fresh
      ? Uint32Array.from({ length: rows }, (_, row) => row)
      : Uint32Array.from(steps, (step) => step % rows);
    return { vectors, dimension: 3, sequence };
  });

function distance({ vectors, sequence }: Trajectory, a: number, b: number): number {
  const difference = [0, 1, 2].map((at) => vectors[3 * sequence[a]! + at]! - vectors[3 * sequence[b]! + at]!);
  return Math.fround(Math.hypot(...difference));
}

test('rows of steps are their distances, whether distances are held or computed by each pass', () => {
  fc.assert(
    fc.property(arbitraryWalk, fc.constantFrom(Infinity, 0), (walk, heldBytes) => {
      const distances = atOnce(StepDistances.of(walk, heldBytes));
      let worst = 0;
      for (let pass = 0; pass < 2; pass++) {
        for (let step = 0; step < walk.sequence.length; step++) {
          const row = distances.row(step);
          expect(row).toHaveLength(step);
          row.forEach((value, other) => {
            const defined = distance(walk, step, other);
            worst = Math.max(
              worst,
              Math.abs(value - defined),
              Math.abs(distances.between(other, step) - defined),
            );
          });
        }
      }
      expect(worst).toBeLessThan(1e-5);
    }),
    { numRuns: 40 },
  );
});

test('a pass finds the same, bit for bit, with distances held and not', () => {
  fc.assert(
    fc.property(fc.oneof(arbitraryWalk, arbitraryTrajectory({ least: 2 })), (walk) => {
      const [held, computed] = [Infinity, 0].map((heldBytes) =>
        atOnce(comparePairs(atOnce(StepDistances.of(walk, heldBytes)), 1.5)),
      );
      expect(computed).toEqual(held);
    }),
    { numRuns: 50 },
  );
});

test('a distance beyond float32 is refused by its steps, held or not', () => {
  const far = { vectors: Float32Array.of(-3e38, 0, 3e38), dimension: 1, sequence: Uint32Array.of(0, 1, 2) };
  for (const heldBytes of [Infinity, 0]) {
    const distances = atOnce(StepDistances.of(far, heldBytes));
    expect(() => distances.row(2)).toThrow('between steps 0 and 2');
  }
});
