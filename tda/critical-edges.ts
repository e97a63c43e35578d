import { BarCollector } from './bars.js';
import { BitGraph, firstVertex, hasVertex } from './bit-rows.js';
import { generatingCycles } from './cycles.js';
import { EdgeCochain } from './edge-cochain.js';
import { NO_VERTEX, type Filtration } from './filtration.js';
import { Forest } from './forest.js';
import { HomologyClasses } from './homology-classes.js';
import { Link } from './link.js';
import { TriangleCochain } from './triangle-cochain.js';

/**
 * Rips persistence by critical edges: one pass over the edges in their order, no list of triangles.
 *
 * Adding an edge {i, j} glues a cone over its link Lk (the flag complex, so far, on the common neighbours of i and j)
 * along the suspension {i, j} * Lk. By Mayer-Vietoris each reduced class of Lk in degree p - 1 kills a class of degree p
 * or bears one of degree p + 1, all at the edge's length:
 *
 * - empty link: two components merge, or a 1-class is born;
 * - each component beyond the first: a 1-class dies, or a 2-class is born;
 * - each class of degree 1: a 2-class dies (or a 3-class is born, which is not asked for);
 * - contractible link: nothing.
 *
 * Which class dies is read off cocycles with values in the classes (annotations: Dey, Fan, Wang 2014).
 */
export class CriticalEdges {
  /** Edges passed. */
  rank = 0;
  /** Components at length 0. */
  distinctPointCount: number;
  private readonly filtration: Filtration;
  private readonly graph: BitGraph;
  private readonly link: Link;
  private readonly components: Forest;
  private readonly bars = [new BarCollector(), new BarCollector(), new BarCollector()] as const;
  private readonly loops = new HomologyClasses();
  private readonly voids = new HomologyClasses();
  private readonly onEdges: EdgeCochain;
  /** Undefined when degree 2 is not asked for. */
  private readonly onTriangles: TriangleCochain | undefined;
  private readonly lune: Int32Array;
  private readonly roots: Int32Array;
  /** By vertex: representative of the last edge at it, a good guess for the next. */
  private readonly lastRepresentatives: Int32Array;

  constructor(filtration: Filtration, maxDimension: 1 | 2) {
    this.filtration = filtration;
    const { pointCount } = filtration;
    this.graph = new BitGraph(pointCount);
    this.link = new Link(this.graph);
    this.components = new Forest(pointCount);
    this.distinctPointCount = pointCount;
    this.onEdges = new EdgeCochain(filtration, this.loops);
    this.onTriangles = maxDimension === 2 ? new TriangleCochain(filtration, this.voids) : undefined;
    this.lune = new Int32Array(this.graph.width);
    this.roots = new Int32Array(pointCount);
    this.lastRepresentatives = new Int32Array(pointCount).fill(-1);
  }

  /** Passes the next edge; returns about how many word operations that took. */
  step(): number {
    const { filtration, graph, lune, rank } = this;
    const head = filtration.head(rank);
    const tail = filtration.tail(rank);
    if (graph.intersect(head, tail, lune)) this.addWithLune(head, tail);
    else this.addWithoutLune(head, tail);
    graph.addEdge(head, tail);
    this.rank++;
    const operations = 4 * graph.width + this.link.operations + this.loops.operations + this.voids.operations;
    this.link.operations = 0;
    this.loops.operations = 0;
    this.voids.operations = 0;
    return operations;
  }

  /** Bars of degrees 0 to 2, once all edges are passed. */
  diagrams(): Float32Array[] {
    const [bars0, bars1, bars2] = this.bars;
    for (let set = 0; set < this.components.setCount; set++) bars0.add(0, Infinity);
    for (const rank of this.loops.livingRanks()) bars1.add(this.filtration.length(rank), Infinity);
    for (const rank of this.voids.livingRanks()) bars2.add(this.filtration.length(rank), Infinity);
    return this.bars.map((bars) => bars.diagram());
  }

  private addWithoutLune(head: number, tail: number): void {
    const { filtration, rank } = this;
    filtration.representatives[rank] = NO_VERTEX;
    if (this.components.union(head, tail)) {
      const length = filtration.length(rank);
      if (length === 0) this.distinctPointCount--;
      this.bars[0].add(0, length);
    } else {
      this.onEdges.bear(rank, this.loops.birth(rank));
    }
  }

  private addWithLune(head: number, tail: number): void {
    const { lune, voids } = this;
    const hadVoids = voids.hasLiving;
    const apex = this.guessApex(head, tail, hadVoids);
    const representative = apex >= 0 ? apex : this.guessVertex(head, tail);
    this.filtration.representatives[this.rank] = representative;
    this.lastRepresentatives[head] = representative;
    this.lastRepresentatives[tail] = representative;
    // Without a living loop, a component of the link can only bear a void.
    if (apex >= 0 || (this.onTriangles === undefined && !this.loops.hasLiving)) return;
    const rootCount = this.link.components(lune, representative, this.roots);
    if (rootCount > 1) this.addComponents(head, tail, rootCount);
    if (hadVoids && this.link.collapse(lune, representative) > 1) this.addCycles(head, tail);
  }

  /** An apex of the lune; -1 if there is none, or if none was found at once and `isNeeded` is false. */
  private guessApex(head: number, tail: number, isNeeded: boolean): number {
    const { graph, lune, lastRepresentatives } = this;
    for (const guess of [lastRepresentatives[head]!, lastRepresentatives[tail]!]) {
      if (guess >= 0 && hasVertex(lune, guess) && graph.covers(guess, lune)) return guess;
    }
    return isNeeded ? this.link.apex(lune) : -1;
  }

  private guessVertex(head: number, tail: number): number {
    const { lune, lastRepresentatives } = this;
    for (const guess of [lastRepresentatives[head]!, lastRepresentatives[tail]!]) {
      if (guess >= 0 && hasVertex(lune, guess)) return guess;
    }
    return firstVertex(lune);
  }

  /** Each component of the link beyond the first closes a loop that dies, or, being zero already, bears a void. */
  private addComponents(head: number, tail: number, rootCount: number): void {
    const { filtration, loops, onEdges, onTriangles, rank, roots } = this;
    const length = filtration.length(rank);
    const first = roots[0]!;
    for (let m = 1; m < rootCount; m++) {
      const root = roots[m]!;
      loops.gather(onEdges.value(head, first));
      loops.gather(onEdges.value(tail, first));
      loops.gather(onEdges.value(head, root));
      loops.gather(onEdges.value(tail, root));
      const killedRank = loops.kill();
      if (killedRank >= 0) this.bars[1].add(filtration.length(killedRank), length);
      else onTriangles?.bear(rank, root, this.voids.birth(rank));
    }
    onEdges.tidy();
  }

  /** Each cycle of the link, collapsed by now, spans a void between head and tail, which dies unless it is zero. */
  private addCycles(head: number, tail: number): void {
    const { filtration, lune, onTriangles, rank, voids } = this;
    if (onTriangles === undefined) return;
    const length = filtration.length(rank);
    for (const cycle of generatingCycles(this.graph, this.link, lune)) {
      let previous = cycle.at(-1)!;
      for (const vertex of cycle) {
        voids.gather(onTriangles.value(head, previous, vertex));
        voids.gather(onTriangles.value(tail, previous, vertex));
        previous = vertex;
      }
      const killedRank = voids.kill();
      if (killedRank >= 0) this.bars[2].add(filtration.length(killedRank), length);
    }
    onTriangles.tidy();
  }
}
