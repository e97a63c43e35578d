import { jest } from '@jest/globals';
import { testFrozenWorkers } from './frozen.js';

jest.setTimeout(300_000);

// The other moments are for frozen.night.test.ts.
testFrozenWorkers({
  outside: ['object:before-write@3', 'invocations:before-return@1', 'surrogate:after-commit@3'],
  inTransaction: ['invocation:before-commit@5'],
});
