import type { PostgresPrograms } from '../../bench/common/embedded-postgres.js';
import type { HostsOptions } from './options.js';
import type { Programs } from './programs.js';

/** The settings of the part inside the namespaces, which it gets as JSON. */
export interface InsideSettings {
  readonly options: HostsOptions;
  readonly programs: Programs;
  readonly postgres: PostgresPrograms;
  /** The Temporal CLI, for the undisturbed run. */
  readonly temporalCli: string;
  /** For everything that is written. Removed at the end, unless the user keeps it. */
  readonly folder: string;
}
