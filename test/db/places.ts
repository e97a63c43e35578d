import { test } from '@jest/globals';
import { rmSync } from 'node:fs';
import { contentDigest } from '../../db/index.js';
import type { ObjectsPlace } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { suitePostgres } from '../support/suite-postgres.js';
import type { Place, Sound } from './place.js';
import { migratedTemplate, postgresCopy, postgresPlace } from './postgres-place.js';
import { finishExperiment } from '../support/small-experiment.js';
import { newFolder, sqliteCopy, sqlitePlace } from './sqlite-place.js';

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

let one = 1;

/** Those of many cases of a kind that this file tries: all of them on SQLite, and on Postgres as many as `onPostgres` says. */
export function tried<Case>(cases: readonly Case[]): readonly Case[] {
  return cases.filter((_, index) => index % one === 0);
}

/**
 * Makes tests about Postgres; where no server can run here, one that is skipped and says why. Of many cases of a kind it tries one
 * of `oneOf`, the first among them: `npm test` tries all of them on SQLite, and `npm run test:night` on Postgres.
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
