import { afterAll, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { cleanUp, folderWith, panicTda } from './cli-process.js';

jest.setTimeout(120_000);
afterAll(cleanUp);

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: [],
  max_length: 2,
};

test('`run` brings the database of an older version up to date, and other commands say so', async () => {
  const folder = folderWith({ 'experiment.json': EXPERIMENT });
  const store = openStore(join(folder, 'panic-tda-data'));
  store.db.sqlite.exec(`
    alter table experiments drop column catalogue;
    delete from __drizzle_migrations where rowid = (select max(rowid) from __drizzle_migrations)`);
  await store.close();
  const listed = await panicTda(folder, ['list']);
  expect(listed).toMatchObject({ code: 2, stderr: expect.stringMatching(/"panic-tda run"/) as unknown });
  expect(await panicTda(folder, ['run', 'experiment.json'])).toMatchObject({ code: 0 });
  expect(await panicTda(folder, ['list'])).toMatchObject({ code: 0 });
});
