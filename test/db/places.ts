import { test } from '@jest/globals';
import { rmSync } from 'node:fs';
import { contentDigest } from '../../db/index.js';
import type { ObjectsPlace } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { isFullRange } from '../support/range.js';
import { suitePostgres } from '../support/suite-postgres.js';
import type { Place, Sound } from './place.js';
import { migratedTemplate, postgresCopy, postgresPlace } from './postgres-place.js';
import { finishExperiment } from '../support/small-experiment.js';
import { newFolder, sqliteCopy, sqlitePlace } from './sqlite-place.js';

/**
 * The database that the tests of this file use. The same tests run on both: `postgres/NAME.test.ts` chooses
 * Postgres and imports `NAME.test.ts`.
 */
let make: (objects: ObjectsPlace | null) => Promise<Place> = async (objects) =>
  sqlitePlace(newFolder(), objects);
let onServer = false;
let copyOf: (place: Place) => Promise<Place> = async ({ folder }) => sqliteCopy(folder);

export function isOnPostgres(): boolean {
  return onServer;
}

/** An empty store with its objects in a folder beside it, unless the test names another place. */
export function emptyPlace(objects: ObjectsPlace | null = null): Promise<Place> {
  return make(objects);
}

/** Finishes an experiment in a store, then closes the store for copies. */
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

/**
 * Makes tests whose SQL is one text for both databases. On Postgres they are for the night: by day, other tests of the file
 * show what Postgres makes of such texts.
 */
export function sameOnBoth(tests: () => void): void {
  if (!onServer || isFullRange()) tests();
}

let one = 1;

/**
 * The cases of a kind that this file tries: all of them on SQLite, and on Postgres as many as `onPostgres`
 * says.
 */
export function tried<Case>(cases: readonly Case[]): readonly Case[] {
  return cases.filter((_, index) => index % one === 0);
}

/**
 * Makes the tests run on Postgres. If no server can run here, it makes one test that is skipped and says why.
 * Of many cases of a kind it tries one of `oneOf`, beginning with the first. `npm test` tries all of them on
 * SQLite, and `npm run test:night` on Postgres.
 */
export async function onPostgres(tests: () => Promise<unknown>, oneOf = 1): Promise<void> {
  const server = await suitePostgres();
  one = oneOf;
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
