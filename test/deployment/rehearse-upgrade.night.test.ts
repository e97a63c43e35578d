import { expect, jest, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { findDumpingPostgres } from '../../faults/backup/postgres-programs.js';
import { toldSkipped } from '../support/s3-server.js';
import { repositoryPath } from '../support/child-processes.js';

jest.setTimeout(600_000);

const programs = findDumpingPostgres();
const title =
  'the claims of the page on an upgrade of a fleet, and on the way back, hold while an experiment is under way';
('missing' in programs ? test.skip : test)(
  toldSkipped(title, 'missing' in programs ? programs : { path: '' }),
  () => {
    const args = [repositoryPath('dist/faults/upgrade/main.js'), '--runs', '8', '--length', '100'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('The experiment is equal to the undisturbed one.');
  },
);
