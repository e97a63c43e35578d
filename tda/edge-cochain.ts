import { Cochain, type CochainRule } from './cochain.js';
import type { Filtration } from './filtration.js';
import { NO_VERTEX } from './filtration.js';
import { type ClassSum, type HomologyClasses, ZERO } from './homology-classes.js';

/**
 * The 1-cocycle. An edge with an empty lune joins two components (value 0) or bears a class (that class). Any
 * other edge has the value of the path through its representative.
 */
class EdgeRule implements CochainRule {
  readonly bornWith = new Map<number, ClassSum>();
  private readonly filtration: Filtration;
  private readonly classes: HomologyClasses;

  constructor(filtration: Filtration, classes: HomologyClasses) {
    this.filtration = filtration;
    this.classes = classes;
  }

  known(rank: number): ClassSum | undefined {
    if (rank < this.classes.oldestLivingRank) return ZERO;
    if (this.filtration.representatives[rank] !== NO_VERTEX) return undefined;
    return this.bornWith.get(rank) ?? ZERO;
  }

  summands(rank: number, into: Float64Array): number {
    const { filtration } = this;
    const representative = filtration.representatives[rank]!;
    into[0] = filtration.rank(filtration.head(rank), representative);
    into[1] = filtration.rank(filtration.tail(rank), representative);
    return 2;
  }
}

/** Homology classes of degree 1 of cycles of edges. */
export class EdgeCochain {
  private readonly rule: EdgeRule;
  private readonly cochain: Cochain;
  private readonly filtration: Filtration;

  constructor(filtration: Filtration, classes: HomologyClasses) {
    this.filtration = filtration;
    this.rule = new EdgeRule(filtration, classes);
    this.cochain = new Cochain(classes, this.rule);
  }

  /** Records that the edge of this rank bears a class. */
  bear(rank: number, classNumber: number): void {
    this.rule.bornWith.set(rank, [classNumber]);
  }

  /** Value on the edge {a, b}, which must be in the complex by now. */
  value(a: number, b: number): ClassSum {
    return this.cochain.value(this.filtration.rank(a, b));
  }

  tidy(): void {
    this.cochain.tidy();
  }
}
