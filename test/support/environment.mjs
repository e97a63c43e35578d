import { TestEnvironment } from 'jest-environment-node';
import { endMarked, guard, MARK, markedProcesses } from './leftovers.mjs';

/** Of the run (test/global-setup.mjs); read before any file changes it. */
const run = process.env[MARK] ?? '';

let guarded = null;
let files = 0;

/**
 * Marks what a test file starts, and ends after its last test what is left, also where a hook failed or took too long. What outlives
 * the process of the tests, because that was killed, is ended by a guard.
 */
export default class MarkingEnvironment extends TestEnvironment {
  constructor(config, context) {
    const ofProcess = `${run}/process-${process.pid}`;
    guarded ??= guard(ofProcess);
    const mark = `${ofProcess}/file-${++files}`;
    // Of the real environment, which a spawn without `env` gives on; the test's own is a copy of it that is made next.
    process.env[MARK] = mark;
    super(config, context);
    this.mark = mark;
    this.testPath = context.testPath;
  }

  async teardown() {
    await super.teardown();
    if (markedProcesses(this.mark).length === 0) return;
    for (const line of await endMarked(this.mark)) console.error(`${this.testPath} left a process: ${line}`);
  }
}
