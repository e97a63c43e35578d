import type { Repair } from '../repair.js';

/** The result of a repair. */
export interface Outcome {
  readonly done: boolean;
  /** The reason why it was not made. */
  readonly why?: string;
  /** The repairs that must follow; or, if this one was not made, other repairs of the same violation. */
  readonly next?: Iterable<Repair> | AsyncIterable<Repair>;
}

export const DONE: Outcome = { done: true };

export function impossible(why: string, ...instead: readonly Repair[]): Outcome {
  return { done: false, why, next: instead };
}
