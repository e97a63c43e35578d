import { blockedText } from '../documents/blocked.js';
import type { BlockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import type { OpenActivity } from './open-activities.js';
import { count, duration, excerpt, oneLine, plural } from '../terminal/format.js';

/** Why an experiment stands still, or what it works on while no count moves, for people. */
export interface Standstill {
  readonly kind: 'waiting' | 'at work';
  readonly text: string;
  /** When the next attempt begins, as `Date.now()` counts. Null if that is not known. */
  readonly nextTryAt: number | null;
}

/** A task that no worker has taken for so long waits for a worker. */
const QUEUED_MS = 3000;

/**
 * Chooses the most important of the open activities: a failure first, then work with its progress, then work
 * that no worker has taken.
 */
export function standstillOf(activities: readonly OpenActivity[], now: number): Standstill | null {
  const failed = activities.find(({ error }) => error !== null);
  if (failed !== undefined) return retried(failed);
  const working = activities.find(({ dueAt }) => dueAt === null);
  if (working !== undefined) return { kind: 'at work', text: workText(working), nextTryAt: null };
  const queued = activities.find(({ dueAt }) => dueAt !== null && now - dueAt >= QUEUED_MS);
  if (queued?.dueAt == null) return null;
  const since = duration(now - queued.dueAt);
  const text = `${placeOf(queued)}: no worker has taken its work for ${since}`;
  return { kind: 'waiting', text, nextTryAt: null };
}

/** While workflows wait for a worker with other code, nothing else matters. */
export function blockedStandstill(blocked: BlockedWorkflows): Standstill {
  return { kind: 'waiting', text: blockedText(blocked), nextTryAt: null };
}

function retried(activity: OpenActivity): Standstill {
  const why = `${placeOf(activity)}: ${oneLine(activity.error ?? '')}`;
  if (activity.dueAt === null) {
    return { kind: 'waiting', text: `${why}; try ${activity.attempt} is under way`, nextTryAt: null };
  }
  return { kind: 'waiting', text: why, nextTryAt: activity.dueAt };
}

/**
 * One line for a display: `waiting: run 3, model call: …, next try in 16 s`. A line of more than `width`
 * characters is cut before its end, so that the time of the next try stays.
 */
export function standstillText(
  { kind, text, nextTryAt }: Standstill,
  now: number,
  width: number = Infinity,
): string {
  const line = `${kind}: ${text}`;
  const end = nextTryAt === null ? '' : `, next try ${waitText(nextTryAt - now)}`;
  if (line.length + end.length <= width) return `${line}${end}`;
  return `${excerpt(line, Math.max(1, width - end.length))}${end}`;
}

function waitText(waitMs: number): string {
  const inMs = 1000 * Math.ceil(waitMs / 1000);
  return inMs <= 0 ? 'now' : `in ${duration(inMs).replace('.0 s', ' s')}`;
}

const STAGES: Readonly<Record<string, string>> = {
  planExperiment: 'planning',
  finishExperiment: 'counting the runs',
  advanceRun: 'model call',
  embedRun: 'vectors',
  diagramRun: 'diagram',
};

function placeOf({ run, activity }: OpenActivity): string {
  const stage = STAGES[activity] ?? 'bookkeeping';
  return run === null ? stage : `run ${run}, ${stage}`;
}

/** What an activity does now, with the figures of its heartbeat (`activities/`). */
function workText(activity: OpenActivity): string {
  const { next, step, of, done, surrogatesLeft = 0 } = activity.heartbeat;
  const place = placeOf(activity);
  if (next !== undefined) return `${place} of step ${count(next)}`;
  if (step !== undefined && of !== undefined) return `${place} of steps up to ${count(step)} of ${count(of)}`;
  if (done === undefined || of === undefined) return place;
  const share = of === 0 ? '' : `, ${Math.floor((100 * done) / of)} % of its edges`;
  const left = surrogatesLeft === 0 ? '' : `, ${plural(surrogatesLeft, 'surrogate')} left`;
  return `${place}${share}${left}`;
}
