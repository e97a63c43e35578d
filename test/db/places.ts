import { test } from '@jest/globals';
import { rmSync } from 'node:fs';
import { contentDigest } from '../../db/index.js';
import type { ObjectsPlace, Store } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { suitePostgres } from '../support/suite-postgres.js';
import { migratedTemplate, postgresCopy, postgresPlace } from './postgres-place.js';
import { finishExperiment } from './small-experiment.js';
import { newFolder, sqliteCopy, sqlitePlace } from './sqlite-place.js';

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

/**
 * Which database the tests of this file are about. The same tests are run on both: `postgres/NAME.test.ts` chooses Postgres and
 * imports `NAME.test.ts`.
 */
let make: (objects: ObjectsPlace | null) => Promise<Place> = async (objects) =>
  sqlitePlace(newFolder(), objects);
let onServer = false;
let copyOf: (place: Place) => Promise<Place> = async ({ folder }) => sqliteCopy(folder);

export function isOnPostgres(): boolean {
  return onServer;
}

/** With its objects in a folder beside it, unless another place is named. */
export function emptyPlace(objects: ObjectsPlace | null = null): Promise<Place> {
  return make(objects);
}

/** Finishes an experiment in a store that is closed then, and copied. */
export async function soundPlace(of: ExperimentConfig): Promise<Sound> {
  const place = await emptyPlace();
  const experiment = await finishExperiment(place.store, of);
  const digest = await contentDigest(place.store.db, experiment);
  await place.store.close();
  return {
    experiment,
    digest,
    copy: () => copyOf(place),
    remove: async () => rmSync(place.folder, { recursive: true }),
  };
}

/** Makes tests about Postgres; where no server can run here, one that is skipped and says why. */
export async function onPostgres(tests: () => Promise<unknown>): Promise<void> {
  const server = await suitePostgres();
  if (server.available) {
    const template = await migratedTemplate(server.urlOf);
    onServer = true;
    make = (objects) => postgresPlace(server.urlOf, template, newFolder(), objects);
    copyOf = (place) => postgresCopy(server.urlOf, place);
    await tests();
  } else {
    test.skip(`Postgres cannot run here: ${server.reason}`, () => undefined);
  }
}
