/**
 * For each row the nearest other rows, as many as its core distance needs: the smallest r such that the rows within r,
 * the row itself included, weigh at least `needed`.
 */
export class NeighbourLists {
  /** A row whose distance is not below it changes nothing: Infinity while weight lacks, -1 if the row weighs enough alone. */
  readonly reach: Float32Array;
  private readonly needed: number;
  /** Rising, `needed` places for each row. */
  private readonly distances: Float32Array;
  private readonly weights: Uint32Array;
  private readonly counts: Uint32Array;
  /** The weight of the row and its list. */
  private readonly held: Uint32Array;

  /** `weights` of the rows, and `needed` <= 2^31, at most the weight of all rows. */
  constructor(weights: Uint32Array, needed: number) {
    this.needed = needed;
    this.reach = new Float32Array(weights.length);
    this.held = new Uint32Array(weights.length);
    for (let row = 0; row < weights.length; row++) {
      this.held[row] = Math.min(weights[row]!, needed);
      this.reach[row] = weights[row]! >= needed ? -1 : Infinity;
    }
    this.distances = new Float32Array(weights.length * needed);
    this.weights = new Uint32Array(weights.length * needed);
    this.counts = new Uint32Array(weights.length);
  }

  /** Adds a row of this weight to the list of another row. The distance must be below its reach. */
  offer(row: number, distance: number, weight: number): void {
    const { distances, weights, needed } = this;
    const start = row * needed;
    let place = start + this.counts[row]!;
    for (; place > start && distances[place - 1]! > distance; place--) {
      distances[place] = distances[place - 1]!;
      weights[place] = weights[place - 1]!;
    }
    distances[place] = distance;
    weights[place] = Math.min(weight, needed);
    let held = this.held[row]! + weights[place]!;
    let last = start + this.counts[row]!;
    while (held - weights[last]! >= needed) {
      held -= weights[last]!;
      last--;
    }
    this.counts[row] = last - start + 1;
    this.held[row] = held;
    if (held >= needed) this.reach[row] = distances[last]!;
  }

  /** Adds what another thread found among other pairs of the same rows. */
  merge({ distances, weights, counts }: FoundNeighbours): void {
    for (let row = 0; row < counts.length; row++) {
      const start = row * this.needed;
      for (let place = start; place < start + counts[row]!; place++) {
        if (distances[place]! < this.reach[row]!) this.offer(row, distances[place]!, weights[place]!);
      }
    }
  }

  /** The lists, for another thread. */
  found(): FoundNeighbours {
    return { distances: this.distances, weights: this.weights, counts: this.counts };
  }

  /** Core distances, once all pairs were offered. */
  coreDistances(): Float32Array {
    return this.reach.map((reach) => Math.max(0, reach));
  }
}

export interface FoundNeighbours {
  readonly distances: Float32Array;
  readonly weights: Uint32Array;
  readonly counts: Uint32Array;
}

/** Memory of the lists of `rows` rows, in bytes. */
export function neighbourListsBytes(rows: number, needed: number): number {
  return rows * (8 * needed + 12);
}
