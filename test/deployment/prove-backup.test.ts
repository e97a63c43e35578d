import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { repositoryPath } from '../support/child-processes.js';

test('an option with an unknown value is refused', () => {
  const args = [repositoryPath('dist/faults/backup/main.js'), '--only', 'mysql'];
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('--only: found "mysql"'),
  });
});
