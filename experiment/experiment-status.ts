/** Every status of an experiment. The database accepts no other. */
export const EXPERIMENT_STATUSES = [
  'planned',
  'running',
  'completed',
  'completed_with_failures',
  'cancelled',
  'failed',
] as const;
export type ExperimentStatus = (typeof EXPERIMENT_STATUSES)[number];

/**
 * `under way`: a workflow drives the experiment, or will drive it. `complete`: the workflow went through all
 * runs, of which some may have failed. `cut off`: the workflow ended before that.
 */
type Standing = 'under way' | 'complete' | 'cut off';

const STANDINGS = {
  planned: 'under way',
  running: 'under way',
  completed: 'complete',
  completed_with_failures: 'complete',
  cancelled: 'cut off',
  failed: 'cut off',
} as const satisfies Readonly<Record<ExperimentStatus, Standing>>;

type StatusesOf<Wanted extends Standing> = {
  [Status in ExperimentStatus]: (typeof STANDINGS)[Status] extends Wanted ? Status : never;
}[ExperimentStatus];

export type OpenExperimentStatus = StatusesOf<'under way'>;
export type CompleteExperimentStatus = StatusesOf<'complete'>;

/** Whether the experiment has not ended yet: a user may pause and cancel it. */
export function isOpenExperiment(status: ExperimentStatus): status is OpenExperimentStatus {
  return STANDINGS[status] === 'under way';
}

/** Whether the experiment's workflow went through all of its runs. */
export function isCompleteExperiment(status: ExperimentStatus): status is CompleteExperimentStatus {
  return STANDINGS[status] === 'complete';
}

export const OPEN_EXPERIMENT_STATUSES = EXPERIMENT_STATUSES.filter((status) => isOpenExperiment(status));
export const COMPLETE_EXPERIMENT_STATUSES = EXPERIMENT_STATUSES.filter((status) =>
  isCompleteExperiment(status),
);

/** False for a text that a damaged or a newer store has in place of a status. */
export function isExperimentStatus(text: string): text is ExperimentStatus {
  return EXPERIMENT_STATUSES.some((status) => status === text);
}

/** The status of an experiment whose workflow went through all of its runs. */
export function completeStatus(allFinished: boolean): CompleteExperimentStatus {
  return allFinished ? 'completed' : 'completed_with_failures';
}
