import type { Abilities } from './abilities.js';
import type { ChaosOptions } from './options.js';

/** The settings of the part inside the namespaces, which it gets as JSON. */
export interface InsideSettings {
  readonly options: ChaosOptions;
  readonly abilities: Abilities;
  readonly temporalCli: string;
  readonly cacheFolder: string;
  /** For everything that is written. */
  readonly folder: string;
}

/** Name of a file in every kept folder of a round: what was wrong, and the command that repeats it. */
export const VERDICT = 'verdict.txt';
