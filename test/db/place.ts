import type { Store } from '../../db/index.js';

/** An empty store, which `remove` deletes, and access to its database by raw SQL. */
export interface Place {
  readonly folder: string;
  readonly store: Store;
  /** Runs statements. */
  sql(statements: string): Promise<void>;
  /** Makes every such change of a row (`insert on runs`) fail if the condition holds, until `mend`. */
  fault(change: string, condition?: string): Promise<void>;
  mend(): Promise<void>;
  /** Runs one statement (`?` stands for values). Returns how many rows it changed. */
  run(statement: string, ...values: readonly unknown[]): Promise<number>;
  /** Runs one statement so that no trigger, check or foreign key of the database refuses it. */
  unguarded(statement: string, ...values: readonly unknown[]): Promise<Unguarded>;
  /** The first column of the first row. */
  one(query: string, ...values: readonly unknown[]): Promise<unknown>;
  /** The first column of every row. */
  column(query: string): Promise<unknown[]>;
  /** Every row of every table as it is, with ids and times. */
  rows(): Promise<Record<string, unknown[]>>;
  /** Begins a transaction for raw SQL that is rolled back. */
  trial(): Promise<Trial>;
  remove(): Promise<void>;
}

export interface DroppedCheck {
  readonly table: string;
  readonly check: string;
}

export interface Unguarded {
  readonly changes: number;
  /** Checks that were dropped for it: a connection to Postgres cannot ignore them. */
  readonly dropped: readonly DroppedCheck[];
}

/** A store with a finished experiment, which tests copy. */
export interface Sound {
  readonly experiment: string;
  /** The digest of its content. */
  readonly digest: string;
  copy(): Promise<Place>;
  remove(): Promise<void>;
}

/** A transaction that is rolled back at its end. */
export interface Trial {
  sql(statements: string): Promise<void>;
  column(query: string): Promise<unknown[]>;
  /**
   * The database's message for statements that it refuses, with a rule in the words of SQLite; '' if it
   * accepts them.
   */
  refusal(statements: string): Promise<string>;
  /**
   * Drops every other check of a table, for a row that breaks several checks of which the database names any.
   */
  only(check: string, table: string): Promise<void>;
  rollback(): Promise<void>;
}
