import { BarCollector } from './bars.js';
import type { LinkReport } from './crew-tasks.js';
import { EdgeCochain } from './edge-cochain.js';
import { NO_VERTEX, type Filtration } from './filtration.js';
import { Forest } from './forest.js';
import { HomologyClasses } from './homology-classes.js';
import { LoopFinder } from './loop-finder.js';
import { TriangleCochain } from './triangle-cochain.js';

/**
 * Rips persistence by critical edges: edge after edge in their order, without a list of triangles.
 *
 * Adding an edge {i, j} glues a cone over its link Lk (the flag complex, so far, on the common neighbours of
 * i and j) along the suspension {i, j} * Lk. By Mayer-Vietoris each reduced class of Lk in degree p - 1 kills
 * a class of degree p or bears one of degree p + 1, all at the edge's length:
 *
 * - empty link: two components merge, or a 1-class is born;
 * - each component beyond the first: a 1-class dies, or a 2-class is born;
 * - each class of degree 1: a 2-class dies (or a 3-class is born, which is not asked for);
 * - contractible link: nothing.
 *
 * The links are examined beforehand, edge by edge (tda/assembly/kernel.ts); these passes take the reports in
 * order of rank. Components come first: they settle degree 1, and give the births of degree 2. Cores cost
 * more, and are wanted only where a class of degree 2 lives. Cocycles with values in the classes say which
 * class dies (annotations: Dey, Fan, Wang 2014).
 */
export class CriticalEdges {
  /** Components at length 0. */
  distinctPointCount: number;
  private readonly filtration: Filtration;
  private readonly components: Forest;
  private readonly bars = [new BarCollector(), new BarCollector(), new BarCollector()] as const;
  private readonly loops: HomologyClasses;
  private readonly voids: HomologyClasses;
  private readonly onEdges: EdgeCochain;
  /** Undefined if degree 2 is not asked for. */
  private readonly onTriangles: TriangleCochain | undefined;
  /** The births of degree 2 that the first pass found, and how many of them the second pass has passed. */
  private readonly voidBearers: { readonly rank: number; readonly root: number }[] = [];
  private borne = 0;
  /** Undefined if no representatives are asked for. */
  private readonly loopFinder: LoopFinder | undefined;

  /**
   * `relationsLimit`: the memory of the relations of the classes of one degree, in bytes; more is a
   * TdaMemoryError.
   */
  constructor(
    filtration: Filtration,
    maxDimension: 1 | 2,
    withRepresentatives: boolean,
    relationsLimit: number,
  ) {
    this.filtration = filtration;
    const { pointCount } = filtration;
    this.components = new Forest(pointCount);
    this.distinctPointCount = pointCount;
    this.loops = new HomologyClasses(relationsLimit);
    this.voids = new HomologyClasses(relationsLimit);
    this.onEdges = new EdgeCochain(filtration, this.loops);
    this.onTriangles = maxDimension === 2 ? new TriangleCochain(filtration, this.voids) : undefined;
    this.loopFinder = withRepresentatives ? new LoopFinder(filtration) : undefined;
  }

  /**
   * First pass, for degrees 0 and 1: takes the components of the links of the next edges. Yields the
   * approximate number of word operations of each part.
   */
  *passComponents({ from, count, records }: LinkReport): Generator<number> {
    // This finds the few edges that matter by a search instead of a loop over all: the first call of a
    // process interprets the loop.
    const representatives = this.filtration.representatives.subarray(from, from + count);
    const nextWithoutLune = (place: number) => {
      const found = representatives.indexOf(NO_VERTEX, place);
      return found < 0 ? count : found;
    };
    let withoutLune = nextWithoutLune(0);
    for (let record = 0; record < records.length || withoutLune < count;) {
      const place = record < records.length ? records[record]! : count;
      if (withoutLune < place) {
        this.addWithoutLune(from + withoutLune);
        withoutLune = nextWithoutLune(withoutLune + 1);
      } else {
        const roots = record + 2;
        record = roots + records[record + 1]!;
        this.addComponents(from + place, records.subarray(roots, record));
      }
      yield this.takeOperations();
    }
    yield count;
  }

  /** Ends the first pass. Returns the ranks of the edges that bear classes of degree 2, rising. */
  voidBirths(): Uint32Array {
    this.loops.release();
    return Uint32Array.from(this.voidBearers, ({ rank }) => rank);
  }

  get hasVoids(): boolean {
    return this.voids.hasLiving;
  }

  /** Second pass, for degree 2: takes those cores of the links of the next edges that were wanted. */
  *passCores({ from, count, records }: LinkReport): Generator<number> {
    for (let record = 0; record < records.length;) {
      const rank = from + records[record]!;
      const cycleCount = records[record + 1]!;
      record += 2;
      this.bearVoidsBefore(rank);
      for (let cycle = 0; cycle < cycleCount; cycle++) {
        const start = record + 1;
        record = start + records[record]!;
        this.closeCycle(rank, records.subarray(start, record));
      }
      this.onTriangles?.tidy();
      yield this.takeOperations();
    }
    this.bearVoidsBefore(from + count);
  }

  /** Bars of degrees 0 to 2, once all edges are passed. */
  diagrams(): Float32Array[] {
    const [bars0, bars1, bars2] = this.bars;
    for (let set = 0; set < this.components.setCount; set++) bars0.add(0, Infinity);
    for (const rank of this.loops.livingRanks()) bars1.add(this.filtration.length(rank), Infinity, rank);
    for (const rank of this.voids.livingRanks()) bars2.add(this.filtration.length(rank), Infinity);
    return this.bars.map((bars) => bars.diagram());
  }

  /**
   * A cycle of vertices for each bar of degree 1; call it after `diagrams`. Undefined if none were asked for.
   */
  representatives(): Uint32Array[] | undefined {
    return this.loopFinder && this.bars[1].tags().map((rank) => this.loopFinder!.loop(rank));
  }

  private takeOperations(): number {
    const operations =
      16 + this.loops.operations + this.voids.operations + (this.loopFinder?.operations ?? 0);
    this.loops.operations = 0;
    this.voids.operations = 0;
    if (this.loopFinder !== undefined) this.loopFinder.operations = 0;
    return operations;
  }

  private addWithoutLune(rank: number): void {
    const { filtration } = this;
    if (this.components.union(filtration.head(rank), filtration.tail(rank))) {
      const length = filtration.length(rank);
      if (length === 0) this.distinctPointCount--;
      this.bars[0].add(0, length);
    } else {
      this.onEdges.bear(rank, this.loops.birth(rank));
      this.loopFinder?.find(rank);
    }
  }

  /**
   * Each component of the link beyond the first closes a loop. The loop dies, or, if it is zero already, the
   * component bears a void.
   */
  private addComponents(rank: number, roots: Uint32Array): void {
    const { filtration, loops, onEdges } = this;
    // Without a living loop, a component can only bear a void.
    if (this.onTriangles === undefined && !loops.hasLiving) return;
    const head = filtration.head(rank);
    const tail = filtration.tail(rank);
    const length = filtration.length(rank);
    const first = roots[0]!;
    for (let m = 1; m < roots.length; m++) {
      const root = roots[m]!;
      loops.gather(onEdges.value(head, first));
      loops.gather(onEdges.value(tail, first));
      loops.gather(onEdges.value(head, root));
      loops.gather(onEdges.value(tail, root));
      const killedRank = loops.kill();
      if (killedRank >= 0) this.bars[1].add(filtration.length(killedRank), length, killedRank);
      else this.voidBearers.push({ rank, root });
    }
    onEdges.tidy();
  }

  /** Bears the classes of degree 2 that the first pass found to be born before this rank. */
  private bearVoidsBefore(rank: number): void {
    for (; this.borne < this.voidBearers.length; this.borne++) {
      const bearer = this.voidBearers[this.borne]!;
      if (bearer.rank >= rank) return;
      this.onTriangles?.bear(bearer.rank, bearer.root, this.voids.birth(bearer.rank));
    }
  }

  /** A cycle of the link's core spans a void between head and tail. The void dies unless it is zero. */
  private closeCycle(rank: number, cycle: Uint32Array): void {
    const { filtration, onTriangles, voids } = this;
    if (onTriangles === undefined || !voids.hasLiving) return;
    const head = filtration.head(rank);
    const tail = filtration.tail(rank);
    let previous = cycle.at(-1)!;
    for (const vertex of cycle) {
      voids.gather(onTriangles.value(head, previous, vertex));
      voids.gather(onTriangles.value(tail, previous, vertex));
      previous = vertex;
    }
    const killedRank = voids.kill();
    if (killedRank >= 0) this.bars[2].add(filtration.length(killedRank), filtration.length(rank));
  }
}
