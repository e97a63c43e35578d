import { beforeAll, test } from '@jest/globals';
import { leaveProcesses } from './leaving.js';

beforeAll(async () => await leaveProcesses(), 300_000);

test('takes longer than it may', async () => await new Promise(() => undefined), 100);
