/** Something the reader of the message can change: an option, or what is installed. */
export class CommandError extends Error {
  override name = 'CommandError';
}

/** Runs a command of this folder. A CommandError is its message and exit status 1; any other is a bug, with its stack. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
