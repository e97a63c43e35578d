import { createInterface } from 'node:readline/promises';
import { PanicError } from '../../common/errors.js';
import { visible } from '../../common/text.js';

/**
 * Asks at the terminal whether to do something, given as a phrase: "remove 3 files". Throws InvalidInput where nobody can
 * be asked.
 */
export async function confirmed(what: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new PanicError('InvalidInput', `this would ${what}; say --yes where nobody can be asked`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(visible(`This will ${what}. Type y to go on: `));
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
