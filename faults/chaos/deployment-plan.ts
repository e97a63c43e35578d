/** How the experiments of a round are run. */
export interface DeploymentPlan {
  /**
   * `embedded`: `panic-tda run` with a server and workers of its own. `fleet`: a Temporal server and workers that were
   * started by themselves, and commands that use them.
   */
  readonly kind: 'embedded' | 'fleet';
  readonly store: 'sqlite' | 'postgres';
  readonly objects: 'folder' | 's3';
  /**
   * How the fleet's Temporal server writes its SQLite file: as the embedded one does, or as the CLI does by itself, which needs room on the
   * disk for each transaction. The other overwrites its log in place, and may not notice that the disk is full.
   */
  readonly journal: 'WAL' | 'DELETE';
  /** The queues of each worker of a fleet. */
  readonly workers: readonly string[];
  /** For how long an activity advances a run. */
  readonly activityMs: number;
}
