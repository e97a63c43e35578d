import type { Store } from '../../db/index.js';

/** An empty store that is removed with `remove`, and its database by raw SQL. */
export interface Place {
  readonly folder: string;
  readonly store: Store;
  /** Runs statements. */
  sql(statements: string): Promise<void>;
  /** Lets every such change of a row fail (`insert on runs`), where the condition holds; until `mend`. */
  fault(change: string, condition?: string): Promise<void>;
  mend(): Promise<void>;
  /** Runs one statement (`?` stands for values); tells how many rows it changed. */
  run(statement: string, ...values: readonly unknown[]): Promise<number>;
  /** The same, and no trigger, check or foreign key of the database refuses it. */
  unguarded(statement: string, ...values: readonly unknown[]): Promise<Unguarded>;
  /** The first column of the first row. */
  one(query: string, ...values: readonly unknown[]): Promise<unknown>;
  /** The first column of every row. */
  column(query: string): Promise<unknown[]>;
  /** Every row of every table as it is, with ids and times. */
  rows(): Promise<Record<string, unknown[]>>;
  /** Begins a transaction for raw SQL, of which nothing will be left. */
  trial(): Promise<Trial>;
  remove(): Promise<void>;
}

export interface DroppedCheck {
  readonly table: string;
  readonly check: string;
}

export interface Unguarded {
  readonly changes: number;
  /** Checks that had to go for it: a connection to Postgres cannot ignore them. */
  readonly dropped: readonly DroppedCheck[];
}

/** A store with a finished experiment, of which copies are made. */
export interface Sound {
  readonly experiment: string;
  /** Of its content. */
  readonly digest: string;
  copy(): Promise<Place>;
  remove(): Promise<void>;
}

/** A transaction that is rolled back at its end. */
export interface Trial {
  sql(statements: string): Promise<void>;
  column(query: string): Promise<unknown[]>;
  /** What the database says to statements that it refuses, a rule in the words of SQLite; '' where it takes them. */
  refusal(statements: string): Promise<string>;
  /** Lets every other check of a table go, where the database names any of several that a row breaks. */
  only(check: string, table: string): Promise<void>;
  rollback(): Promise<void>;
}
