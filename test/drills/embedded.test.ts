import { expect, jest, test } from '@jest/globals';
import { saidAfter, testDisasters } from './embedded.js';

jest.setTimeout(300_000);

testDisasters('day');

test('a server that outlived its supervisor is ended and named', async () => {
  expect(await saidAfter('SIGKILL of the supervisor')).toMatch(
    /A Temporal server \(process \d+\) had outlived/,
  );
});
