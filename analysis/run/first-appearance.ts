import type { Trajectory } from '../trajectory.js';

/**
 * The same trajectory with its rows numbered by first appearance, and without rows that no step has. Two
 * trajectories with the same steps become equal, whatever the order of their rows was. The vectors are shared
 * if the rows are in this order already.
 */
export function byFirstAppearance({ vectors, dimension, sequence }: Trajectory): Trajectory {
  const rows = vectors.length / dimension;
  const numbers = new Int32Array(rows).fill(-1);
  const kept = new Uint32Array(rows);
  const renumbered = new Uint32Array(sequence.length);
  let used = 0;
  let isInOrder = true;
  for (let step = 0; step < sequence.length; step++) {
    const row = sequence[step]!;
    if (numbers[row] === -1) {
      if (row !== used) isInOrder = false;
      kept[used] = row;
      numbers[row] = used++;
    }
    renumbered[step] = numbers[row]!;
  }
  if (isInOrder) return { vectors: vectors.subarray(0, used * dimension), dimension, sequence };
  const copied = new Float32Array(used * dimension);
  for (let row = 0; row < used; row++) {
    const from = kept[row]! * dimension;
    copied.set(vectors.subarray(from, from + dimension), row * dimension);
  }
  return { vectors: copied, dimension, sequence: renumbered };
}
