import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';
import { endMarked, guard, MARK, markedProcesses } from './leftovers.mjs';

/** The mark of the run (test/global-setup.mjs), read before any file changes it. */
const run = process.env[MARK] ?? '';

let guarded = null;
let files = 0;

/**
 * Marks the processes that a test file starts, and ends those that are left after its last test, also if a
 * hook failed or took too long. If the process of the tests was killed, a guard ends the processes that
 * outlive it.
 */
export default class MarkingEnvironment extends TestEnvironment {
  constructor(config, context) {
    const ofProcess = `${run}/process-${process.pid}`;
    guarded ??= guard(ofProcess);
    const mark = `${ofProcess}/file-${++files}`;
    // Sets it in the real environment, which a spawn without `env` passes on. The test's own environment is a
    // copy, made next.
    process.env[MARK] = mark;
    // Jest makes the global object of a file a proxy, and each `Math` or `Object` of its code asks the proxy in JavaScript. In a
    // plain context those are as fast as in Node, which is a fifth of what the tests of the store take.
    const { createContext } = vm;
    vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
    try {
      super(config, context);
    } finally {
      vm.createContext = createContext;
    }
    this.mark = mark;
    this.testPath = context.testPath;
  }

  async teardown() {
    await super.teardown();
    if (markedProcesses(this.mark).length === 0) return;
    for (const line of await endMarked(this.mark)) console.error(`${this.testPath} left a process: ${line}`);
  }
}
