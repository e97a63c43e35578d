import { beforeAll, test } from '@jest/globals';
import { leaveProcesses } from './leaving.js';

beforeAll(async () => {
  await leaveProcesses();
  throw new Error('this hook fails on purpose');
}, 300_000);

test('this test is not reached', () => undefined);
