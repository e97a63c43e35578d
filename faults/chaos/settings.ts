import type { Abilities } from './abilities.js';
import type { ChaosOptions } from './options.js';

/** What the part inside the namespaces is told; crosses the border as JSON. */
export interface InsideSettings {
  readonly options: ChaosOptions;
  readonly abilities: Abilities;
  readonly temporalCli: string;
  readonly cacheFolder: string;
  /** For everything that is written. */
  readonly folder: string;
}

/** Is in the folder of every round that is to stay: what was wrong, and what repeats it. */
export const VERDICT = 'verdict.txt';
