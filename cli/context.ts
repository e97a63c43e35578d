import type { Command } from 'commander';
import { isAbsolute, resolve } from 'node:path';
import { PanicError } from '../experiment/errors.js';
import type { Catalogue } from '../experiment/model.js';
import { loadCatalogue } from '../models/index.js';
import { dataFolderAt } from '../workers/data-folder.js';
import type { DataFolder } from '../workers/data-folder.js';
import { readEnvironment } from '../workers/environment.js';
import type { Environment } from '../workers/environment.js';

export interface GlobalOptions {
  readonly data?: string;
  readonly json?: boolean;
}

/** What every command starts from. */
export interface Context {
  readonly environment: Environment;
  readonly folder: DataFolder;
  readonly catalogue: Catalogue;
  /** One JSON document on standard output instead of text. */
  readonly json: boolean;
}

/** Adds the options that every command has. */
export function withGlobalOptions(command: Command): Command {
  return command
    .option('--data <folder>', 'data folder (default: $PANIC_TDA_DATA, or ./panic-tda-data)')
    .option('--json', 'print one JSON document instead of text');
}

/** Throws InvalidInput where the environment holds something that means nothing. */
export function contextOf(options: GlobalOptions): Context {
  const environment = readEnvironment();
  if (environment.problems.length > 0) throw new PanicError('InvalidInput', environment.problems.join('\n'));
  const data = options.data ?? environment.dataFolder;
  return {
    environment,
    folder: dataFolderAt(isAbsolute(data) ? data : resolve(data)),
    catalogue: loadCatalogue({ testModels: environment.testModels }),
    json: options.json ?? false,
  };
}
