import { errorMessage } from '../../common/errors.js';

/**
 * Asks the loader for each library named in the arguments, and tells the parent what the loader says: null where it found
 * the library. A process of its own, since libraries run code when they are loaded, and since LD_LIBRARY_PATH is read when a
 * process starts.
 */
const answers: Record<string, string | null> = {};
for (const name of process.argv.slice(2)) {
  try {
    process.dlopen({ exports: {} }, name);
    answers[name] = null;
  } catch (error) {
    const message = errorMessage(error);
    // The loader found a library that is no addon of Node, which is what was asked.
    answers[name] = /did not self-register|not a valid (?:addon|module)|Module version mismatch/i.test(
      message,
    )
      ? null
      : message;
  }
}
process.send?.(answers, () => process.exit());
