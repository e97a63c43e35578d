import { Relations } from './relations.js';

/** A sum of classes over Z/2: their numbers, rising. Numbers follow births, so the last is the youngest. */
export type ClassSum = readonly number[];

export const ZERO: ClassSum = [];

/** The classes of one homology degree, and sums of them. The cochains give sums of classes dead or alive. */
export class HomologyClasses {
  /** Places of work done, for the pacer of the thread. */
  operations = 0;
  private readonly birthRanks: number[] = [];
  private readonly isLiving: boolean[] = [];
  private relations: Relations;
  private livingCount = 0;
  private oldest = 0;
  /** One bit per class: the sum that `gather` builds. */
  private gathered = new Int32Array(16);
  /** All words of `gathered` from here on are zero. */
  private gatheredEnd = 0;

  /** `maxBytes`: the memory of the relations between classes; more is a TdaMemoryError. */
  constructor(maxBytes: number) {
    this.relations = new Relations(maxBytes);
  }

  /** Releases the relations between classes. Afterwards only `livingRanks` may be called. */
  release(): void {
    this.relations = new Relations(0);
  }

  /** Records that a class is born with the edge of this rank; returns its number. */
  birth(rank: number): number {
    this.livingCount++;
    this.isLiving.push(true);
    this.relations.birth();
    return this.birthRanks.push(rank) - 1;
  }

  get hasLiving(): boolean {
    return this.livingCount > 0;
  }

  /**
   * Rank of the edge that bore the oldest living class; Infinity without one. Cochains vanish on all older
   * edges.
   */
  get oldestLivingRank(): number {
    return this.birthRanks[this.oldest] ?? Infinity;
  }

  /** Ranks of the edges that bore the living classes. */
  livingRanks(): number[] {
    return this.birthRanks.filter((_, number) => this.isLiving[number]);
  }

  /** Sum of two sums. Leaves out classes known to be zero by now, unless one of the two sums is zero. */
  add(a: ClassSum, b: ClassSum): ClassSum {
    if (a === b) return ZERO;
    if (a.length === 0) return b;
    if (b.length === 0) return a;
    const { relations } = this;
    const sum: number[] = [];
    let atA = 0;
    let atB = 0;
    while (atA < a.length && atB < b.length) {
      const fromA = a[atA]!;
      const fromB = b[atB]!;
      if (fromA <= fromB) atA++;
      if (fromB <= fromA) atB++;
      if (fromA !== fromB && !relations.isZero(Math.min(fromA, fromB))) sum.push(Math.min(fromA, fromB));
    }
    for (; atA < a.length; atA++) if (!relations.isZero(a[atA]!)) sum.push(a[atA]!);
    for (; atB < b.length; atB++) if (!relations.isZero(b[atB]!)) sum.push(b[atB]!);
    this.operations += 4 * (a.length + b.length);
    return sum.length === 0 ? ZERO : sum;
  }

  /** Adds to the sum that `kill` takes. */
  gather(sum: ClassSum): void {
    if (sum.length === 0) return;
    const words = (sum.at(-1)! >>> 5) + 1;
    if (words > this.gathered.length) {
      const grown = new Int32Array(2 * words);
      grown.set(this.gathered);
      this.gathered = grown;
    }
    const { gathered } = this;
    for (let k = 0; k < sum.length; k++) {
      const number = sum[k]!;
      gathered[number >>> 5] = gathered[number >>> 5]! ^ (1 << (number & 31));
    }
    this.gatheredEnd = Math.max(this.gatheredEnd, words);
    this.operations += 2 * sum.length;
  }

  /**
   * The gathered sum becomes zero in homology: its youngest class dies. Returns the birth rank of that class,
   * or -1 if the sum was zero already. A new sum begins.
   */
  kill(): number {
    const { gathered, relations, isLiving, oldest } = this;
    for (let k = oldest >>> 5; k < this.gatheredEnd; k++) {
      for (let word = gathered[k]!; word !== 0; word &= word - 1) {
        const number = (k << 5) + 31 - Math.clz32(word & -word);
        if (number >= oldest) relations.add(number);
      }
    }
    gathered.fill(0, 0, this.gatheredEnd);
    this.gatheredEnd = 0;
    const youngest = relations.kill();
    this.operations += relations.takeOperations();
    if (youngest < 0) return -1;
    isLiving[youngest] = false;
    this.livingCount--;
    while (isLiving[this.oldest] === false) this.oldest++;
    return this.birthRanks[youngest]!;
  }
}
