import { expect, jest, test } from '@jest/globals';
import { saidAfter, testDisasters } from './embedded.js';

jest.setTimeout(300_000);

testDisasters('day');

test('a run ends a server that outlived its supervisor, and names it', async () => {
  expect(await saidAfter('SIGKILL of the supervisor')).toMatch(
    /A Temporal server \(process \d+\) had outlived/,
  );
});
