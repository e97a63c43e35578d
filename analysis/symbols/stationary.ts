import type { Work } from '../../tda/pacer.js';

/**
 * The stationary distribution π = πP of a closed communicating class, by the elimination of Grassmann, Taksar & Heyman
 * (1985, Oper. Res. 33:1107). It subtracts nothing, so that small probabilities keep their digits. `matrix` is
 * row-major, size × size, irreducible, with rows that sum to 1; the work leaves it alone.
 */
export function* stationaryDistribution(matrix: Float64Array, size: number): Work<Float64Array> {
  const rest = matrix.slice();
  for (let last = size - 1; last > 0; last--) {
    let leaving = 0;
    for (let to = 0; to < last; to++) leaving += rest[last * size + to]!;
    for (let from = 0; from < last; from++) {
      const share = rest[from * size + last]! / leaving;
      rest[from * size + last] = share;
      if (share === 0) continue;
      for (let to = 0; to < last; to++) rest[from * size + to]! += share * rest[last * size + to]!;
    }
    yield last * last;
  }
  const stationary = new Float64Array(size);
  stationary[0] = 1;
  let total = 1;
  for (let state = 1; state < size; state++) {
    for (let from = 0; from < state; from++)
      stationary[state]! += stationary[from]! * rest[from * size + state]!;
    total += stationary[state]!;
  }
  return stationary.map((weight) => weight / total);
}
