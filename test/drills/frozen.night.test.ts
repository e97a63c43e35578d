import { testFrozenWorkers } from './frozen.js';

testFrozenWorkers({
  outside: [
    ['object:before-write@3'],
    ['object:after-write@5'],
    ['invocation:after-commit@6'],
    ['invocations:before-return@1'],
    ['surrogate:after-commit@3'],
    ['embedding:before-return@1'],
    ['diagram:before-return@1'],
  ],
  inTransaction: ['vectors:before-commit@1'],
});
