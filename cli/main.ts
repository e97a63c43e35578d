import { CommanderError } from 'commander';
import { debuglog, inspect } from 'node:util';
import { withoutSecrets } from '../common/secrets.js';
import {
  asksForJson,
  errorDocument,
  exitCodeOf,
  unfinishedDocument,
  withCauses,
} from './program/error-document.js';
import { visible } from '../common/text.js';
import { EXIT, SIGNAL_EXIT } from './program/exit-codes.js';
import { jsonPrinted, lastNote, note, printJson, watchOutput } from './terminal/output.js';
import { createProgram } from './program/create-program.js';

const debug = debuglog('panic-tda');

/** How long a failed command may take to close its connections and to write its output. */
const LEFT_OPEN_MS = 2000;

watchOutput();
// Ends like Node itself, except that foreign text in the error cannot steer the terminal.
process.on('uncaughtException', (error) => {
  note(inspect(error));
  process.exit(EXIT.unknown);
});
const json = asksForJson(process.argv.slice(2));
try {
  await createProgram((code) => {
    process.exitCode = code;
    // A stopped command, for example, ends without a result. A reader of JSON still gets one document.
    if (code !== 0 && json && !jsonPrinted()) printJson(unfinishedDocument(lastNote(), code));
  }).parseAsync();
} catch (error) {
  const code = exitCodeOf(error);
  process.exitCode = code;
  if (code !== 0 && json && !jsonPrinted()) printJson(errorDocument(error, code));
  // Commander has printed its own message.
  if (!(error instanceof CommanderError)) {
    note(`panic-tda: ${withCauses(error)}`);
    debug('%s', visible(withoutSecrets(inspect(error, { depth: 4, showHidden: true }))));
  }
  // A failed command must end, whatever it left open. A supervisor does not restart a worker that hangs.
  setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
}
// A user who stops the command does not wait for what may still be open, such as a download.
if (Number(process.exitCode) >= SIGNAL_EXIT.SIGHUP) process.exit();
