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

/** How long a command that failed may take to close what is open, and to write what it has printed. */
const LEFT_OPEN_MS = 2000;

watchOutput();
// As Node itself does, but that no text of others within it steers the terminal.
process.on('uncaughtException', (error) => {
  note(inspect(error));
  process.exit(EXIT.unknown);
});
const json = asksForJson(process.argv.slice(2));
try {
  await createProgram((code) => {
    process.exitCode = code;
    // A command that was stopped, say, ends without a result: a reader of one document gets one all the same.
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
  // A command that failed ends, whatever it left open: a worker that hangs is started again by no supervisor.
  setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
}
// Whoever asked to stop is not kept waiting by what may still be open (a download that was begun).
if (Number(process.exitCode) >= SIGNAL_EXIT.SIGHUP) process.exit();
