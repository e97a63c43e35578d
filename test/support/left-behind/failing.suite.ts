import { beforeAll, test } from '@jest/globals';
import { leaveSimpleProcesses } from './leaving.js';

beforeAll(() => {
  leaveSimpleProcesses();
  throw new Error('this hook fails on purpose');
});

test('this test is not reached', () => undefined);
