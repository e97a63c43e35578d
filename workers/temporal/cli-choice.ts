import type { Environment } from '../settings/environment.js';
import type { PinnedCli } from './cli-pins.js';

export interface TriedPlace {
  readonly where: string;
  readonly outcome: string;
}

export interface TemporalCli {
  /** Absolute path of the executable. */
  readonly path: string;
  /** Version of the CLI, such as 1.9.1. */
  readonly version: string;
  readonly source: 'PANIC_TDA_TEMPORAL_CLI' | 'PATH' | 'cache' | 'download' | 'PyPI';
  /** Every place that was tried, in order; the chosen one is the last. */
  readonly tried: readonly TriedPlace[];
}

export interface FindTemporalCliOptions {
  /** Whether it may be downloaded if this machine has none. */
  readonly fetch: boolean;
  readonly environment?: Pick<Environment, 'temporalCli' | 'searchPath' | 'cacheFolder'>;
  /** Called before a step that takes seconds or more, and before a file in the cache is replaced. */
  readonly onProgress?: (line: string) => void;
  readonly downloadTimeoutMs?: number;
  /** Base URL of Temporal's archives; tests set another one. */
  readonly downloadUrl?: string;
  /** Python interpreters to try for the PyPI package. */
  readonly pythons?: readonly string[];
  /**
   * The CLI that the file has to be; default: the one for this system and processor. Tests set another one.
   */
  readonly pinned?: PinnedCli | undefined;
}
