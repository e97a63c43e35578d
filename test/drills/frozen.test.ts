import { testFrozenWorkers } from './frozen.js';

// frozen.night.test.ts has the other moments.
testFrozenWorkers({
  outside: [['object:before-write@3']],
  inTransaction: ['invocation:before-commit@5'],
});
