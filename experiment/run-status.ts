/** Every status of a run. The database accepts no other. */
export const RUN_STATUSES = ['pending', 'running', 'finished', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** The status of a run whose row was just planned. */
export const PLANNED_RUN_STATUS = 'pending' satisfies RunStatus;

interface Meaning {
  /**
   * The command that continues such a run; null if nothing is left to do. The first start of an experiment
   * does what `resume` does.
   */
  readonly takenUpBy: 'resume' | 'retry' | null;
  /** Whether a drive of the experiment still has the run before it, or works on it now. */
  readonly isUnderWay: boolean;
  /** If two stores have the same run, the store with the higher number knows more of it. */
  readonly rank: number;
}

const MEANINGS = {
  pending: { takenUpBy: 'resume', isUnderWay: true, rank: 0 },
  running: { takenUpBy: 'resume', isUnderWay: true, rank: 1 },
  finished: { takenUpBy: null, isUnderWay: false, rank: 4 },
  failed: { takenUpBy: 'retry', isUnderWay: false, rank: 3 },
  cancelled: { takenUpBy: 'resume', isUnderWay: false, rank: 2 },
} as const satisfies Readonly<Record<RunStatus, Meaning>>;

/** Statuses for which a field of `Meaning` has this value. */
type StatusesWith<Field extends keyof Meaning, Value extends Meaning[Field]> = {
  [Status in RunStatus]: (typeof MEANINGS)[Status][Field] extends Value ? Status : never;
}[RunStatus];

export type UnfinishedRunStatus = StatusesWith<'takenUpBy', 'resume'>;
export type EndedRunStatus = Exclude<RunStatus, UnfinishedRunStatus>;
export type UnderWayRunStatus = StatusesWith<'isUnderWay', true>;

/**
 * Whether a start or `resume` of the experiment works on the run: the run has neither finished nor failed.
 */
export function isUnfinished(status: RunStatus): status is UnfinishedRunStatus {
  return MEANINGS[status].takenUpBy === 'resume';
}

/** Whether the run has ended by itself, because it finished or failed. */
export function hasEnded(status: RunStatus): status is EndedRunStatus {
  return !isUnfinished(status);
}

/** Whether a drive of the experiment still has the run before it, or works on it now. */
export function isUnderWay(status: RunStatus): status is UnderWayRunStatus {
  return MEANINGS[status].isUnderWay;
}

export const UNFINISHED_RUN_STATUSES = RUN_STATUSES.filter((status) => isUnfinished(status));
export const ENDED_RUN_STATUSES = RUN_STATUSES.filter((status) => hasEnded(status));
export const UNDER_WAY_RUN_STATUSES = RUN_STATUSES.filter((status) => isUnderWay(status));
/** Statuses of runs that have begun and do not have all of their results. */
export const INCOMPLETE_RUN_STATUSES = RUN_STATUSES.filter(
  (status) => status !== PLANNED_RUN_STATUS && MEANINGS[status].takenUpBy !== null,
);

/** False for a text that a damaged or a newer store has in place of a status. */
export function isRunStatus(text: string): text is RunStatus {
  return RUN_STATUSES.some((status) => status === text);
}

/** Whether a store where the run has `status` knows more of it than one where the run has `than`. */
export function isFurther(status: string, than: string): boolean {
  return rankOf(status) > rankOf(than);
}

function rankOf(status: string): number {
  return isRunStatus(status) ? MEANINGS[status].rank : 0;
}

/** The number of runs of each status. Every status is present. */
export type RunsByStatus = Readonly<Record<RunStatus, number>>;

/** A count of 0 for each status, for the caller to add to. */
export function noRuns(): Record<RunStatus, number> {
  return { pending: 0, running: 0, finished: 0, failed: 0, cancelled: 0 };
}

/** How many of these runs have neither finished nor failed. */
export function unfinishedCount(runs: RunsByStatus): number {
  return UNFINISHED_RUN_STATUSES.reduce((sum, status) => sum + runs[status], 0);
}

/** How many of these runs have finished or failed. */
export function endedCount(runs: RunsByStatus): number {
  return ENDED_RUN_STATUSES.reduce((sum, status) => sum + runs[status], 0);
}

/** How many runs there are. */
export function totalRuns(runs: RunsByStatus): number {
  return RUN_STATUSES.reduce((sum, status) => sum + runs[status], 0);
}

/**
 * The wish of a user for one run. `paused`: the run waits where it is. `cancelled`: the run neither begins
 * nor continues until a user asks for it again.
 */
export const RUN_HOLDS = ['paused', 'cancelled'] as const;
export type RunHold = (typeof RUN_HOLDS)[number];
