import { afterAll, expect, test } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { validateExperiment } from '../../experiment/index.js';
import { loadCatalogue } from '../../models/index.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { withWorker } from '../support/resumed.js';
import { runCommand } from '../support/standing-program.js';

afterAll(cleanUp);

const FILE = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a red caf\ufffd'],
  seeds: [3],
  embedding_models: [],
  max_length: 2,
};

test('an experiment with U+FFFD that an older version planned continues, and no new one begins', async () => {
  const folder = folderWith({ 'experiment.json': FILE });
  const data = join(folder, 'panic-tda-data');
  const refused = await runCommand(folder, ['run', 'experiment.json']);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('U+FFFD') });

  const validation = validateExperiment(FILE, await loadCatalogue());
  if (validation.ok || validation.ifStored === undefined) throw new Error('the file was not refused');
  const id = experimentId(validation.ifStored);
  mkdirSync(data, { recursive: true });
  const store = openStore(data);
  await store.experiments.plan(id, validation.ifStored, 0);
  await store.close();

  const resumed = await withWorker(data, ['resume', id]);
  expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('1 finished') });
});
