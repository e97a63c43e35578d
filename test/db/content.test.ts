import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { is } from 'drizzle-orm';
import { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { columnNames } from '../../db/columns.js';
import { contentDigest, contentOf } from '../../db/index.js';
import type { ContentRow } from '../../db/index.js';
import { NOT_CONTENT, TABLES_NOT_CONTENT } from '../../db/read/content.js';
import * as schema from '../../db/schema.js';
import {
  diagramDimensions,
  diagrams,
  embeddings,
  invocations,
  runs,
  surrogates,
  vectors,
} from '../../db/schema.js';
import { configWithSurrogates, finishExperiment } from '../support/small-experiment.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { namesOf } from '../../common/records.js';

let place: Place;
let id: string;

beforeAll(async () => {
  place = await emptyPlace();
  id = await finishExperiment(place.store, { ...configWithSurrogates, max_edge_length: 300 });
  // Every column of content has a value in some row, and none in another.
  await place.unguarded('update invocations set cut_tokens = 5, output_cut = 1 where sequence % 3 = 1');
  await place.unguarded('update vectors set cut_tokens = 7 where norm > 300');
  await place.unguarded(
    `update runs set status = 'failed', error_kind = 'DeviceError', error_message = 'lost' where run_index = 3`,
  );
});
afterAll(() => place.remove());

/**
 * The digest of version 0.1.0. A user who compares a store with a digest from that time must find them equal.
 */
const DIGEST_BEFORE = '2697d9ea50e70476ec4c20fe359ba9fa58d3b015fbd4d3355f346aa5f9b65d41';

test('the digest of a store is the one that the previous version gave', async () => {
  expect(await contentDigest(place.store.db, id)).toBe(DIGEST_BEFORE);
});

/** Content of rows in addition to the columns of their tables. */
const TOLD: Readonly<Record<ContentRow['kind'], readonly string[]>> = {
  run: ['kind', 'run', 'prompt'],
  invocation: ['kind', 'run', 'model', 'modality', 'output'],
  embedding: ['kind', 'run', 'sequence', 'model', 'vector'],
  diagram: ['kind', 'run', 'model', 'points'],
  surrogate: ['kind', 'run', 'model', 'nullModel', 'index'],
};

const CONTENT_TABLES = { runs, invocations, embeddings, vectors, diagrams, diagramDimensions, surrogates };

const TABLES: Readonly<Record<ContentRow['kind'], readonly (keyof typeof NOT_CONTENT)[]>> = {
  run: ['runs'],
  invocation: ['invocations'],
  embedding: ['embeddings', 'vectors'],
  diagram: ['diagrams', 'diagramDimensions'],
  surrogate: ['surrogates'],
};

/** What the content has of these tables is in the columns of others, or they are about no result. */
const ABOUT_OTHERS = ['models', 'hosts', 'artifacts', 'experiments', 'failures'];
const ABOUT_THE_DATABASE = ['removedObjects', 'objectsPlaces', 'databases', 'builds', 'routes'];

test('every table is content, or has a reason why it is none', () => {
  const known = Object.entries(schema).flatMap(([name, value]: [string, unknown]) =>
    is(value, SQLiteTable) ? [name] : [],
  );
  const named = [...Object.keys(CONTENT_TABLES), ...Object.keys(TABLES_NOT_CONTENT)];
  expect([...named, ...ABOUT_OTHERS, ...ABOUT_THE_DATABASE].toSorted()).toEqual(known.toSorted());
});

test('every column is content, except those that are named', async () => {
  const found = new Map<string, Set<string>>();
  for await (const row of contentOf(place.store.db, id)) {
    const keys = found.get(row.kind) ?? new Set();
    found.set(row.kind, keys);
    for (const key of Object.keys(row)) keys.add(key);
  }
  for (const kind of namesOf(TABLES)) {
    const columns = TABLES[kind].flatMap((table) =>
      columnNames(CONTENT_TABLES[table]).filter((name) => !(name in NOT_CONTENT[table])),
    );
    const expected = [...TOLD[kind], ...columns].toSorted();
    // A column that is missing here has no value in any row that is made above.
    expect([kind, [...(found.get(kind) ?? [])].toSorted()]).toEqual([kind, expected]);
  }
});
