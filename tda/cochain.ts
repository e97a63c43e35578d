import { type ClassSum, type HomologyClasses, ZERO } from './homology-classes.js';

/**
 * How the value on a simplex follows from values on older simplices. The rule itself numbers the simplices.
 */
export interface CochainRule {
  /** The value, if it is known without other values; else undefined. */
  known(simplex: number): ClassSum | undefined;
  /** Writes the simplices whose values sum up to this value to `into`, and returns their number. */
  summands(simplex: number, into: Float64Array): number;
}

/**
 * Limits of the remembered values and of the places that they take together. Beyond a limit, all values are
 * forgotten.
 */
const MAX_REMEMBERED = 1 << 19;
const MAX_PLACES = 1 << 22;

/**
 * A cocycle whose value on a cycle is that cycle's homology class: an annotation (Dey, Fan, Wang 2014). It
 * evaluates a value when it is asked for it, and remembers it. Values hold up to the relations of their
 * classes.
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
    // An explicit stack, since a chain of summands can be as long as there are edges.
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

  /** Between evaluations: forgets all values if they are too many, or if all are zero by now. */
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
