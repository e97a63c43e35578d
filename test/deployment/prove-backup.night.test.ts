import { expect, jest, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { findDumpingPostgres } from '../../faults/backup/postgres-programs.js';
import { type S3Program, s3Program, toldSkipped } from '../support/s3-server.js';
import { repositoryPath } from '../support/child-processes.js';

jest.setTimeout(600_000);

const s3 = await s3Program();
const programs = findDumpingPostgres();
const needed: S3Program = 'missing' in programs ? programs : s3;

/** Runs the script that proves docs/backup.md every night, with small numbers. */
function prove(...words: readonly string[]): string {
  const args = [repositoryPath('dist/faults/backup/main.js'), '--runs', '2', '--length', '40', ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('a data folder that is copied during a run is restored, and run to its end', () => {
  expect(prove('--only', 'sqlite')).toContain('Every restored experiment is equal to the undisturbed one.');
});

const title =
  'a Postgres database and its bucket are restored, too, and the copy is refused at the pictures of production';
('missing' in needed ? test.skip : test)(toldSkipped(title, needed), () => {
  const built = 'path' in s3 ? s3.path : '';
  expect(prove('--only', 'postgres', '--versitygw', built)).toContain('Every restored experiment is equal');
});
