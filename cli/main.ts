import { Command, CommanderError } from 'commander';
import { isPanicError } from '../experiment/errors.js';
import { addRetry, addResume, addRun } from './commands/run.js';
import { addWorker } from './commands/worker.js';
import { EXIT, EXIT_CODE_HELP } from './exit-codes.js';
import { note } from './output.js';

const program = new Command('panic-tda')
  .description('Trajectories of generative models in feedback loops, run durably, and their topology')
  .addHelpText('after', EXIT_CODE_HELP)
  .exitOverride()
  .showHelpAfterError('("panic-tda --help" lists the commands)');

addRun(program);
addResume(program);
addRetry(program);
addWorker(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (!(error instanceof CommanderError))
    note(`panic-tda: ${error instanceof Error ? error.message : String(error)}`);
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own message; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  return isPanicError(error, 'InvalidInput') || isPanicError(error, 'ModelFilesMissing')
    ? EXIT.badInput
    : EXIT.failed;
}
