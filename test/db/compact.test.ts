import { expect, test } from '@jest/globals';
import { compact } from '../../db/connection/compact.js';
import { violationsIn } from '../support/store-checks.js';
import { finishExperiment, temporaryStore } from '../support/small-experiment.js';

// This is about an SQLite file; Postgres uses the room of deleted rows again by itself.
test('compacting returns the room of deleted rows', async () => {
  const place = temporaryStore();
  const { store } = place;
  try {
    const id = await finishExperiment(store);
    const filler = store.db.sqlite.prepare('insert into hosts (fingerprint) values (?)');
    for (let index = 0; index < 2000; index++) filler.run(`${index}${'x'.repeat(1000)}`);
    store.db.sqlite.exec(
      'delete from hosts where length(fingerprint) > 1000; pragma wal_checkpoint(TRUNCATE)',
    );
    const { bytesBefore, bytesAfter } = compact(store.db);
    expect(bytesBefore - bytesAfter).toBeGreaterThan(1_500_000);
    expect(await violationsIn(store)).toEqual([]);
    expect(await store.experiments.find(id)).not.toBeNull();
  } finally {
    await place.remove();
  }
});
