import { beforeAll, test } from '@jest/globals';
import { leaveSimpleProcesses } from './leaving.js';

beforeAll(leaveSimpleProcesses);

test('takes longer than it may', async () => await new Promise(() => undefined), 100);
