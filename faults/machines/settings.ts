import type { PostgresPrograms } from '../../bench/common/embedded-postgres.js';
import type { HostsOptions } from './options.js';
import type { Programs } from './programs.js';

/** What the part inside the namespaces is told; crosses the border as JSON. */
export interface InsideSettings {
  readonly options: HostsOptions;
  readonly programs: Programs;
  readonly postgres: PostgresPrograms;
  /** The Temporal CLI, for the undisturbed run. */
  readonly temporalCli: string;
  /** For everything that is written. Removed at the end, unless it is to be kept. */
  readonly folder: string;
}
