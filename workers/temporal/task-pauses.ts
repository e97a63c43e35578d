import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import type proto from '@temporalio/proto';

type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;

/** Times between the tasks of runs, from their histories, in milliseconds. */
export interface TaskPauses {
  /** From the time when the server made a task to the time when a worker had it. */
  readonly waits: readonly number[];
  /**
   * From the start of a workflow task to the start of an activity that it asked for. They contain no time of
   * a model.
   */
  readonly steps: readonly number[];
}

const RUNS = 5;
const LAST_EVENTS = 100;

/** From the last events of a few runs, open ones first. Only reads. */
export async function taskPauses({ workflowService, options }: Client): Promise<TaskPauses> {
  const { namespace } = options;
  const { executions } = await workflowService.listWorkflowExecutions({
    namespace,
    pageSize: RUNS,
    query: 'WorkflowType = "run"',
  });
  // A run that was deleted meanwhile has no events.
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

/** The pauses in the events of one history, in any order of the events. */
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

/** A server that asks its shard 20 times a second hands out the tasks of a run every 50 ms. */
const POLL_MS = 50;
const NEAR_MS = 3;
const ENOUGH = 20;
const SHARE = 0.4;

/**
 * Whether these pauses show that the server lacks `history.transferProcessorMaxPollRPS`. Measured with the
 * Temporal CLI 1.9.1 on 2 busy cores: see docs/service.md. If they do not show it, that proves nothing: tasks
 * that are 100 ms apart, many runs at once and a slow disk hide it.
 */
export function showSlowPolls({ steps }: Pick<TaskPauses, 'steps'>): boolean {
  const near = steps.filter((ms) => Math.abs(ms - POLL_MS) <= NEAR_MS).length;
  return steps.length >= ENOUGH && near >= SHARE * steps.length;
}

/** Null if there is no value. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
