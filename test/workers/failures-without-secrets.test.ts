import { expect, test } from '@jest/globals';
import { PanicError } from '../../common/errors.js';
import { keepSecrets } from '../../common/secrets.js';
import { failuresWithoutSecrets } from '../../workers/failures-without-secrets.js';

const KEY = 'a-key-of-this-test-0123';
keepSecrets([{ name: 'KEY', value: KEY }]);

/** The error that comes through the interceptor if an activity throws `reason`. */
async function thrown(reason: unknown): Promise<unknown> {
  const { inbound } = failuresWithoutSecrets();
  try {
    return await inbound!.execute!({ args: [], headers: {} }, async () => await Promise.reject(reason));
  } catch (caught) {
    return caught;
  }
}

test('an error of an activity holds no secret, nor do its stack and its causes', async () => {
  const deepest = new Error(`sent ${KEY}`);
  const middle = new Error(`failed with ${KEY}`, { cause: deepest });
  const error = new PanicError('StoreUnavailable', 'the store is away', { cause: middle });
  expect(await thrown(error)).toBe(error);
  for (const one of [error, middle, deepest]) expect(`${one.message} ${one.stack}`).not.toContain(KEY);
  expect(deepest.message).toBe('sent (KEY not shown)');
});

test('an error whose message is a getter loses its secrets as well, and other errors do not change', async () => {
  const aborted = new DOMException(`aborted with ${KEY}`, 'AbortError');
  expect(await thrown(aborted)).toBe(aborted);
  expect(aborted.message).toBe('aborted with (KEY not shown)');
  expect(await thrown('a text')).toBe('a text');
});
