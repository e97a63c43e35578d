/** An error that the reader of the message can remove: a wrong option, or a missing program. */
export class CommandError extends Error {
  override name = 'CommandError';
}

/**
 * Runs a command of this folder. For a CommandError it prints the message and exits with status 1. Any other
 * error is a bug, and is printed with its stack.
 */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
