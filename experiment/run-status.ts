/** Every status of a run. The database lets no other in. */
export const RUN_STATUSES = ['pending', 'running', 'finished', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** The status of a run whose row was just planned. */
export const PLANNED_RUN_STATUS = 'pending' satisfies RunStatus;

interface Meaning {
  /** The command that goes on with such a run. A first start of an experiment does what `resume` does. Null where nothing is left to do. */
  readonly takenUpBy: 'resume' | 'retry' | null;
  /** Whether a drive of the experiment has such a run before it, or is at work on it. */
  readonly isUnderWay: boolean;
  /** Of two stores that have the same run, the one with the higher number knows more of it. */
  readonly rank: number;
}

const MEANINGS = {
  pending: { takenUpBy: 'resume', isUnderWay: true, rank: 0 },
  running: { takenUpBy: 'resume', isUnderWay: true, rank: 1 },
  finished: { takenUpBy: null, isUnderWay: false, rank: 4 },
  failed: { takenUpBy: 'retry', isUnderWay: false, rank: 3 },
  cancelled: { takenUpBy: 'resume', isUnderWay: false, rank: 2 },
} as const satisfies Readonly<Record<RunStatus, Meaning>>;

/** Statuses whose meaning has a value in a field. */
type StatusesWith<Field extends keyof Meaning, Value extends Meaning[Field]> = {
  [Status in RunStatus]: (typeof MEANINGS)[Status][Field] extends Value ? Status : never;
}[RunStatus];

export type UnfinishedRunStatus = StatusesWith<'takenUpBy', 'resume'>;
export type EndedRunStatus = Exclude<RunStatus, UnfinishedRunStatus>;
export type UnderWayRunStatus = StatusesWith<'isUnderWay', true>;

/** Whether a start or `resume` of the experiment works on the run: it has neither finished nor failed. */
export function isUnfinished(status: RunStatus): status is UnfinishedRunStatus {
  return MEANINGS[status].takenUpBy === 'resume';
}

/** Whether the run has ended by itself: it finished or failed. */
export function hasEnded(status: RunStatus): status is EndedRunStatus {
  return !isUnfinished(status);
}

/** Whether a drive of the experiment has the run before it, or is at work on it. */
export function isUnderWay(status: RunStatus): status is UnderWayRunStatus {
  return MEANINGS[status].isUnderWay;
}

export const UNFINISHED_RUN_STATUSES = RUN_STATUSES.filter((status) => isUnfinished(status));
export const ENDED_RUN_STATUSES = RUN_STATUSES.filter((status) => hasEnded(status));
export const UNDER_WAY_RUN_STATUSES = RUN_STATUSES.filter((status) => isUnderWay(status));
/** Statuses of runs that have begun, and that have not all that they are to have. */
export const INCOMPLETE_RUN_STATUSES = RUN_STATUSES.filter(
  (status) => status !== PLANNED_RUN_STATUS && MEANINGS[status].takenUpBy !== null,
);

/** Of a text that a damaged or a newer store has in place of a status, false. */
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

/** Numbers of runs by status. Every status is present. */
export type RunsByStatus = Readonly<Record<RunStatus, number>>;

/** Counts of no run yet, to be added to. */
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

/** What a user asked of one run. `paused`: it waits where it is. `cancelled`: it neither begins nor goes on before a user asks for it again. */
export const RUN_HOLDS = ['paused', 'cancelled'] as const;
export type RunHold = (typeof RUN_HOLDS)[number];
