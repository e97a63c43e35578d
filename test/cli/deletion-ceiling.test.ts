import { afterAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openStore } from '../../db/index.js';
import { deletionCeiling } from '../../db/doctor/index.js';
import { finishExperiment } from '../support/small-experiment.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';

afterAll(cleanUp);

/** Puts files that no row mentions into a place of objects, last touched long ago. */
function strew(objects: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const name = createHash('sha256').update(`picture ${index}`).digest('hex');
    const file = join(objects, name.slice(0, 2), name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'a picture');
    utimesSync(file, 0, 0);
    return file;
  });
}

test('the ceiling is the larger of 100 and one in a hundred of the stored objects', () => {
  expect([0, 10_000, 10_100, 2_000_000].map(deletionCeiling)).toEqual([100, 100, 101, 20_000]);
});

test('doctor deletes more pictures than the ceiling only by their exact number, and mends everything else', async () => {
  const folder = folderWith();
  const data = join(folder, 'panic-tda-data');
  const store = openStore(data);
  await finishExperiment(store);
  // Faults to mend besides.
  store.db.sqlite.exec(
    'delete from surrogates; delete from diagrams where id = (select min(id) from diagrams)',
  );
  await store.close();
  const strewn = strew(join(data, 'objects'), 101);
  const left = (): number => strewn.filter((file) => existsSync(file)).length;
  const temporary = join(dirname(strewn[0]!), '.abcdef0123456789.1.1.tmp');
  writeFileSync(temporary, 'cut off');
  utimesSync(temporary, 0, 0);

  const refused = await runCommand(folder, ['doctor', '--fix', '--yes']);
  expect(refused.stdout).toMatch(
    /NOT deleted: 101 pictures that nothing mentions, of 1\d\d objects in .*at most 100 /,
  );
  expect(refused.stdout).toContain('"npx panic-tda doctor --fix --delete-objects 101"');
  // Two repairs, and the numbers of four runs under two models: the helper stores none.
  expect(refused.stdout).toMatch(/Done: 10 repairs/);
  expect([refused.code, left(), existsSync(temporary)]).toEqual([1, 101, false]);

  const other = await runJson(folder, ['doctor', '--fix', '--yes', '--delete-objects', '100']);
  expect(other).toMatchObject({ healthy: true, picturesLeft: { pictures: 101, ceiling: 100 } });
  expect(left()).toBe(101);

  const named = await runCommand(folder, ['doctor', '--fix', '--yes', '--delete-objects', '101']);
  expect([named.code, left()]).toEqual([0, 0]);
});
