import { beforeAll, test } from '@jest/globals';
import { leaveProcesses } from './leaving.js';

beforeAll(async () => await leaveProcesses(), 300_000);

test('goes on until its process is killed', async () => await new Promise(() => undefined), 300_000);
