import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import type proto from '@temporalio/proto';

type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;

/** What histories of runs tell of the time between their tasks, in milliseconds. */
export interface TaskPauses {
  /** From when the server made a task to when a worker had it. */
  readonly waits: readonly number[];
  /** From the beginning of a task of a workflow to that of an activity that it asked for. No time of a model is in it. */
  readonly steps: readonly number[];
}

const RUNS = 5;
const LAST_EVENTS = 100;

/** Of the last events of a few runs, those that are open first. Reads alone. */
export async function taskPauses({ workflowService, options }: Client): Promise<TaskPauses> {
  const { namespace } = options;
  const { executions } = await workflowService.listWorkflowExecutions({
    namespace,
    pageSize: RUNS,
    query: 'WorkflowType = "run"',
  });
  // A run that was deleted meanwhile tells nothing.
  const outcomes = await Promise.allSettled(
    executions.map(async ({ execution }) =>
      workflowService.getWorkflowExecutionHistoryReverse({
        namespace,
        execution: execution ?? null,
        maximumPageSize: LAST_EVENTS,
      }),
    ),
  );
  const found = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' ? [pausesIn(outcome.value.history?.events ?? [])] : [],
  );
  return { waits: found.flatMap(({ waits }) => waits), steps: found.flatMap(({ steps }) => steps) };
}

/** The pauses in events of one history, in whatever order they come. */
export function pausesIn(events: readonly HistoryEvent[]): TaskPauses {
  const byId = new Map(events.map((event) => [String(event.eventId), event]));
  const between = (earlier: HistoryEvent | undefined, later: HistoryEvent): number[] =>
    earlier?.eventTime && later.eventTime ? [tsToMs(later.eventTime) - tsToMs(earlier.eventTime)] : [];
  const waits: number[] = [];
  const steps: number[] = [];
  for (const event of events) {
    const workflowTask = event.workflowTaskStartedEventAttributes;
    if (workflowTask) waits.push(...between(byId.get(String(workflowTask.scheduledEventId)), event));
    const activity = event.activityTaskStartedEventAttributes;
    // A later attempt began after a pause of our own.
    if (!activity || (activity.attempt ?? 1) > 1) continue;
    const scheduled = byId.get(String(activity.scheduledEventId));
    waits.push(...between(scheduled, event));
    const completed = byId.get(
      String(scheduled?.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId),
    );
    const began = byId.get(String(completed?.workflowTaskCompletedEventAttributes?.startedEventId));
    steps.push(...between(began, event));
  }
  return { waits, steps };
}

/** A server that asks its shard 20 times a second gives tasks of one run out every 50 ms. */
const POLL_MS = 50;
const NEAR_MS = 3;
const ENOUGH = 20;
const SHARE = 0.4;

/**
 * Whether these pauses show that the server lacks `history.transferProcessorMaxPollRPS`. Measured with the Temporal CLI 1.9.1 on 2 busy
 * cores: see docs/service.md. That they do not show it proves nothing: tasks that are 100 ms apart, many runs at once and a slow disk hide it.
 */
export function showSlowPolls({ steps }: Pick<TaskPauses, 'steps'>): boolean {
  const near = steps.filter((ms) => Math.abs(ms - POLL_MS) <= NEAR_MS).length;
  return steps.length >= ENOUGH && near >= SHARE * steps.length;
}

/** Null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
