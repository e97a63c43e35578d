import { createInterface } from 'node:readline/promises';
import { PanicError } from '../../common/errors.js';
import { visible } from '../../common/text.js';

/**
 * Asks the user at the terminal whether to do something, given as a phrase: "remove 3 files".
 * @throws PanicError `InvalidInput` if standard input is no terminal.
 */
export async function confirmed(what: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new PanicError(
      'InvalidInput',
      `this would ${what}; give --yes, since there is no terminal to ask at`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(visible(`This will ${what}. Type y to go on: `));
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
