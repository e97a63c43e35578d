import type { Repair } from './repair.js';

/** Number of an invariant in `INVARIANTS`, the list that tests, crash drills and `panic-tda doctor` share. */
export type Invariant = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** The meaning of each number, for people. */
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
  /**
   * Id of the row. The parts of a composite key are joined by `/`; a missing row is named by its expected
   * place.
   */
  readonly id: string | number;
  /** The found and the expected state. */
  readonly message: string;
  /** The repair; null if neither stored rows nor a computation can mend it. */
  readonly repair: Repair | null;
}
