import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { connectStore, contentDigest, driverOf, openStore, setUpDatabase } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { DATABASE_FILE } from '../../db/layout.js';
import { storedFolder, storedVersions, storeInPostgres } from '../support/stored-versions.js';
import { violationsIn } from '../support/store-checks.js';
import { asSuperuser, createDatabase, suitePostgres } from '../support/suite-postgres.js';

const postgres = await suitePostgres();

describe.each(storedVersions)('the store of $name', (version) => {
  async function expectKept(store: Store): Promise<void> {
    const found = [];
    for (const { id } of version.experiments) {
      const service = driverOf(await store.experiments.get(id))?.service ?? null;
      const contentSha256 = await contentDigest(store.db, id);
      found.push({ id, contentSha256, driverAt: service?.where ?? null });
    }
    expect(found).toEqual(version.experiments);
    expect(await store.experiments.list()).toHaveLength(found.length);
    expect(await violationsIn(store)).toEqual([]);
  }

  test('is migrated: contents and drivers stay, and no invariant breaks', async () => {
    const store = openStore(storedFolder(version));
    try {
      await expectKept(store);
    } finally {
      await store.close();
    }
  });

  const title = 'is migrated in Postgres';
  if (!postgres.available) {
    test.skip(`${title}: skipped, ${postgres.reason}`, () => undefined);
    return;
  }
  const { urlOf } = postgres;
  test(title, async () => {
    const folder = storedFolder(version);
    const database = { url: urlOf(await createDatabase(urlOf)), poolSize: 2 };
    await asSuperuser(database.url, (client) =>
      storeInPostgres(client, join(folder, DATABASE_FILE), version),
    );
    await setUpDatabase(database, []);
    const store = await connectStore({ folder, database });
    try {
      await expectKept(store);
    } finally {
      await store.close();
    }
  });
});
