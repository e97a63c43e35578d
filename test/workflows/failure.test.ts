import { expect, test } from '@jest/globals';
import { failureOf } from '../../workflows/failure.js';

test('a long message is cut between characters, so that a row can hold it', () => {
  const message = `${'x'.repeat(999)}😀 and more`;
  expect(failureOf(new Error(message))).toEqual({
    status: 'failed',
    kind: 'Error',
    message: 'x'.repeat(999),
  });
  expect(failureOf(new Error('x'.repeat(998) + '😀'))).toMatchObject({ message: `${'x'.repeat(998)}😀` });
  expect(failureOf(new Error(`${'x'.repeat(998)}😀 and more`))).toMatchObject({
    message: `${'x'.repeat(998)}😀`,
  });
});
