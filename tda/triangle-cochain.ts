import { Cochain, type CochainRule } from './cochain.js';
import type { Filtration } from './filtration.js';
import { type ClassSum, type HomologyClasses, ZERO } from './homology-classes.js';
import { LinkForests } from './link-forests.js';

/**
 * The 2-cocycle. The number of a triangle comes from the rank of its longest edge and its third vertex, which
 * lies in that edge's lune. Each component of the link has a spanning tree. A triangle whose third vertex is
 * not a root has the sum of the values of the three other triangles of a tetrahedron, whose fourth vertex is
 * the parent. A triangle at a root has the class that it bore, or zero.
 */
class TriangleRule implements CochainRule {
  readonly bornWith = new Map<number, ClassSum>();
  readonly forests: LinkForests;
  private readonly filtration: Filtration;
  private readonly classes: HomologyClasses;

  constructor(filtration: Filtration, classes: HomologyClasses) {
    this.filtration = filtration;
    this.classes = classes;
    this.forests = new LinkForests(filtration);
  }

  /** Number of the triangle over the edge of this rank. */
  over(rank: number, vertex: number): number {
    return rank * this.filtration.pointCount + vertex;
  }

  /** Number of the triangle {a, b, c}. */
  number(a: number, b: number, c: number): number {
    const { filtration } = this;
    const ab = filtration.rank(a, b);
    const ac = filtration.rank(a, c);
    const bc = filtration.rank(b, c);
    if (ab > ac && ab > bc) return this.over(ab, c);
    return ac > bc ? this.over(ac, b) : this.over(bc, a);
  }

  known(triangle: number): ClassSum | undefined {
    const { pointCount, representatives } = this.filtration;
    const rank = Math.floor(triangle / pointCount);
    if (rank < this.classes.oldestLivingRank) return ZERO;
    const vertex = triangle - rank * pointCount;
    if (vertex === representatives[rank]) return ZERO;
    return this.bornWith.get(triangle) ?? (this.forests.parent(rank, vertex) === vertex ? ZERO : undefined);
  }

  summands(triangle: number, into: Float64Array): number {
    const { filtration } = this;
    const rank = Math.floor(triangle / filtration.pointCount);
    const vertex = triangle - rank * filtration.pointCount;
    const parent = this.forests.parent(rank, vertex);
    into[0] = this.number(filtration.head(rank), vertex, parent);
    into[1] = this.number(filtration.tail(rank), vertex, parent);
    if (parent === filtration.representatives[rank]) return 2;
    into[2] = this.over(rank, parent);
    return 3;
  }
}

/** Homology classes of degree 2 of cycles of triangles. */
export class TriangleCochain {
  private readonly rule: TriangleRule;
  private readonly cochain: Cochain;

  constructor(filtration: Filtration, classes: HomologyClasses) {
    this.rule = new TriangleRule(filtration, classes);
    this.cochain = new Cochain(classes, this.rule);
  }

  /** Records that the triangle over the edge of this rank, with this third vertex, bears a class. */
  bear(rank: number, vertex: number, classNumber: number): void {
    this.rule.bornWith.set(this.rule.over(rank, vertex), [classNumber]);
  }

  /** Value on the triangle {a, b, c}, which must be in the complex by now. */
  value(a: number, b: number, c: number): ClassSum {
    return this.cochain.value(this.rule.number(a, b, c));
  }

  tidy(): void {
    this.cochain.tidy();
    this.rule.forests.tidy();
  }
}
