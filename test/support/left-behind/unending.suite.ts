import { beforeAll, test } from '@jest/globals';
import { leaveRun } from './leaving.js';

beforeAll(async () => await leaveRun(), 300_000);

test('goes on until its process is killed', async () => await new Promise(() => undefined), 300_000);
