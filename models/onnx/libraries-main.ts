import { errorMessage } from '../../common/errors.js';

/**
 * Asks the loader for each library in the arguments, and sends the loader's answers to the parent: null where it
 * found the library. This is a process of its own, since libraries run code when they are loaded, and since the
 * loader reads LD_LIBRARY_PATH when a process starts.
 */
const answers: Record<string, string | null> = {};
for (const name of process.argv.slice(2)) {
  try {
    process.dlopen({ exports: {} }, name);
    answers[name] = null;
  } catch (error) {
    const message = errorMessage(error);
    // The loader found a library that is no addon of Node. That answers the question.
    answers[name] = /did not self-register|not a valid (?:addon|module)|Module version mismatch/i.test(
      message,
    )
      ? null
      : message;
  }
}
process.send?.(answers, () => process.exit());
