import { type ClassSum, type HomologyClasses, ZERO } from './homology-classes.js';

/** How the value on a simplex follows from values on older ones. Simplices are numbers of the rule's own making. */
export interface CochainRule {
  /** The value itself where it is known without asking further, else undefined. */
  known(simplex: number): ClassSum | undefined;
  /** Writes the simplices whose values sum up to this one's to `into` and returns their number. */
  summands(simplex: number, into: Float64Array): number;
}

/** Values remembered at most, and places they take together, before all are forgotten. */
const MAX_REMEMBERED = 1 << 19;
const MAX_PLACES = 1 << 22;

/**
 * A cocycle whose value on a cycle is that cycle's homology class: an annotation (Dey, Fan, Wang 2014), evaluated where it
 * is asked for and remembered. Values hold up to the relations of their classes.
 */
export class Cochain {
  private readonly classes: HomologyClasses;
  private readonly rule: CochainRule;
  private readonly remembered = new Map<number, ClassSum>();
  private places = 0;
  private readonly summands = new Float64Array(4);

  constructor(classes: HomologyClasses, rule: CochainRule) {
    this.classes = classes;
    this.rule = rule;
  }

  value(simplex: number): ClassSum {
    const ready = this.find(simplex);
    if (ready !== undefined) return ready;
    // A stack of its own: a chain of summands can be as long as there are edges.
    const stack = [simplex];
    let value = ZERO;
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const count = this.rule.summands(top, this.summands);
      const height = stack.length;
      value = ZERO;
      for (let k = 0; k < count; k++) {
        const summand = this.find(this.summands[k]!);
        if (summand === undefined) stack.push(this.summands[k]!);
        else if (stack.length === height) value = this.classes.add(value, summand);
      }
      this.classes.operations += 64;
      if (stack.length > height) continue;
      stack.pop();
      if (!this.remembered.has(top)) this.places += value.length;
      this.remembered.set(top, value);
    }
    return value;
  }

  /** Between evaluations: drops what is remembered, once it is too much or is zero by now. */
  tidy(): void {
    const isTooMuch = this.remembered.size > MAX_REMEMBERED || this.places > MAX_PLACES;
    if (isTooMuch || (!this.classes.hasLiving && this.remembered.size > 0)) {
      this.remembered.clear();
      this.places = 0;
    }
  }

  private find(simplex: number): ClassSum | undefined {
    return this.rule.known(simplex) ?? this.remembered.get(simplex);
  }
}
