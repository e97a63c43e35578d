import type { Repair } from './repair.js';

/** Number of an invariant in `INVARIANTS`, the list that tests, crash drills and `panic-tda doctor` share. */
export type Invariant = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** What each number stands for, for people. */
export const INVARIANTS: Readonly<Record<Invariant, string>> = {
  0: 'an experiment has exactly the runs of its plan',
  1: 'a run has sequences 0..n-1 exactly once, and n is what its stop reason says',
  2: 'the input of a step is the output before it, and every output is what its model promises',
  3: 'every eligible output has exactly one good vector per embedding model',
  4: 'every finished run has one diagram per embedding model, made from all of its points, and the surrogates asked for',
  5: 'every stored content hashes to its name, and no row points at a missing object',
  6: 'the database is sound, and what it says of an experiment agrees with its runs',
};

export interface Violation {
  readonly invariant: Invariant;
  readonly table: string;
  /** Id of the row: a composite key is joined by `/`, what is missing is named by where it should be. */
  readonly id: string | number;
  /** What was found, and what was expected. */
  readonly message: string;
  /** What mends it; null where nothing that is stored or can be computed does. */
  readonly repair: Repair | null;
}
