/** How the experiments of a round are run. */
export interface DeploymentPlan {
  /**
   * `embedded`: `panic-tda run` with its own server and workers. `fleet`: a Temporal server and workers that
   * run by themselves, and commands that use them.
   */
  readonly kind: 'embedded' | 'fleet';
  readonly store: 'sqlite' | 'postgres';
  readonly objects: 'folder' | 's3';
  /**
   * How the fleet's Temporal server writes its SQLite file. WAL is the journal of the embedded server; it
   * overwrites its log in place, so it may not notice a full disk. DELETE is the default of the CLI; it needs
   * room on the disk for each transaction.
   */
  readonly journal: 'WAL' | 'DELETE';
  /** The queues of each worker of a fleet. */
  readonly workers: readonly string[];
  /** For how long an activity advances a run. */
  readonly activityMs: number;
}
