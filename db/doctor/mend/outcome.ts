import type { Repair } from '../repair.js';

/** What became of a repair. */
export interface Outcome {
  readonly done: boolean;
  /** Why it was not done. */
  readonly why?: string;
  /** What has to follow it; or, where it was not done, what would mend the same. */
  readonly next?: Iterable<Repair> | AsyncIterable<Repair>;
}

export const DONE: Outcome = { done: true };

export function impossible(why: string, ...instead: readonly Repair[]): Outcome {
  return { done: false, why, next: instead };
}
