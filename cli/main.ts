import { CommanderError } from 'commander';
import { debuglog } from 'node:util';
import { isPanicError } from '../experiment/errors.js';
import { quietAwsSdk } from '../workers/environment.js';
import { EXIT, SIGNAL_EXIT } from './exit-codes.js';
import { note, watchOutput } from './output.js';
import { createProgram } from './program.js';

const debug = debuglog('panic-tda');

watchOutput();
quietAwsSdk();
try {
  await createProgram((code) => {
    process.exitCode = code;
  }).parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  // Commander has printed its own message.
  if (!(error instanceof CommanderError)) {
    note(`panic-tda: ${withCauses(error)}`);
    debug('%o', error);
  }
}
// Whoever asked to stop is not kept waiting by what may still be open (a download that was begun).
if (Number(process.exitCode) >= SIGNAL_EXIT.SIGHUP) process.exit();

/** Errors of ours say everything themselves; those of libraries often leave the reason to their cause. */
function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isPanicError(error) || !(error.cause instanceof Error)) return error.message;
  const cause = withCauses(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

function exitCodeOf(error: unknown): number {
  // Help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  return isPanicError(error, 'InvalidInput') || isPanicError(error, 'ModelFilesMissing')
    ? EXIT.badInput
    : EXIT.failed;
}
