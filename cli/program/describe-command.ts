import type { Command } from 'commander';

/** Gives a command what all commands have: its help, `--data`, `--database` and `--json`. */
export function describeCommand(command: Command, description: string, details: string): Command {
  return command
    .helpOption('-h, --help', 'show this help')
    .description(description)
    .addHelpText('after', `\n${details.trim()}`)
    .option('--data <folder>', 'data folder (default: $PANIC_TDA_DATA, or ./panic-tda-data)')
    .option(
      '--database <url>',
      'Postgres database of several machines (default: $PANIC_TDA_DATABASE, or a file in the data folder)',
    )
    .option('--json', 'print one JSON document on standard output');
}
