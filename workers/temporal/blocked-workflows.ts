import { WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowClient } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { withoutSecrets } from '../../common/secrets.js';
import { visibleLine } from '../../common/text.js';
import { experimentWorkflowId } from '../../workflows/names.js';

/**
 * A workflow whose task failed because the code of the worker did not fit its history. The server gives the
 * task to a worker again and again.
 */
export interface BlockedWorkflow {
  readonly workflowId: string;
  /** Identity of the worker that had the task first. */
  readonly worker: string;
  readonly reason: string;
  /** As `Date.now()` counts; null if the service does not say. */
  readonly since: number | null;
}

export interface BlockedWorkflows {
  readonly runs: number;
  /** Workflows of experiments, and of their shards. */
  readonly others: number;
  /** Whether the service does not count them, so that there may be more. */
  readonly atLeast: boolean;
  readonly example: BlockedWorkflow;
}

/** Which workflows are asked about: those of one experiment, or all in the namespace. */
export type BlockedOf = { readonly id: string; readonly driverWorkflowId: string | null } | 'all';

/** For all answers together. */
const ANSWER_WITHIN_MS = 15_000;
const EXAMPLES = 3;
const OPEN_RUNS = 'WorkflowType = "run" AND ExecutionStatus = "Running"';
const OPEN_LOOKED_AT = 5;
const LAST_EVENTS = 20;
const INVALID_ARGUMENT = 3;
const REASON_LENGTH = 400;

/**
 * Causes that the server records in this attribute (1.30 and later): a task failed by its code, or a worker
 * did not answer it. The SDK reports only the failure of a first attempt. If the first attempt was lost with
 * its worker, the server sees time-outs only.
 */
const FAILED = problems(
  'FailedCauseNonDeterministicError',
  'FailedCauseWorkflowWorkerUnhandledFailure',
  'FailedCauseUnspecified',
);
const FAILED_OR_UNANSWERED = problems(
  'FailedCauseNonDeterministicError',
  'FailedCauseWorkflowWorkerUnhandledFailure',
  'FailedCauseUnspecified',
  'TimedOutCauseStartToClose',
);

function problems(...causes: readonly string[]): string {
  const values = causes.map((cause) => `"cause=WorkflowTask${cause}"`);
  return `ExecutionStatus = "Running" AND TemporalReportedProblems IN (${values.join(', ')})`;
}

/** A worker that was killed loses one attempt. */
const UNANSWERED_ATTEMPTS = 3;

/**
 * The open workflows that wait for a worker with other code; null if none does. The number of questions does
 * not grow with the number of workflows: the server counts the workflows whose tasks failed often enough for
 * it to record them (`system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute`), and this function
 * looks one by one only at those named in `sample`. Throws what the service throws.
 */
export async function blockedWorkflows(
  client: WorkflowClient,
  whose: BlockedOf,
  sample: readonly string[] = [],
): Promise<BlockedWorkflows | null> {
  return await client.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => {
    const counted = await reported(client, whose);
    const open = whose === 'all' ? await first(client, OPEN_RUNS, OPEN_LOOKED_AT) : [];
    const looked = new Set([...(counted?.examples ?? []), ...sample, ...open]);
    const found = (await Promise.all([...looked].map((id) => blockedWorkflow(client, id)))).filter(
      (one) => one !== null,
    );
    const [example] = found;
    if (example === undefined) return null;
    const runs = found.filter(({ workflowId }) => isRun(workflowId)).length;
    return {
      runs: Math.max(runs, counted?.runs ?? 0),
      others: Math.max(found.length - runs, counted?.others ?? 0),
      atLeast: counted === null || counted.runs + counted.others < found.length,
      example,
    };
  });
}

interface Reported {
  readonly runs: number;
  readonly others: number;
  /** Ids of a few of them. */
  readonly examples: readonly string[];
}

/** Null if the server records no problems. */
async function reported(workflow: WorkflowClient, whose: BlockedOf): Promise<Reported | null> {
  const { runs, others } = queriesOf(whose);
  try {
    const [ofRuns, ofOthers] = await Promise.all(
      [runs, others].map((query) => workflow.count(`${query} AND ${FAILED_OR_UNANSWERED}`)),
    );
    const examples = await Promise.all(
      [runs, others].flatMap((query) =>
        [FAILED, FAILED_OR_UNANSWERED].map((what) => first(workflow, `${query} AND ${what}`, EXAMPLES)),
      ),
    );
    return { runs: ofRuns!.count, others: ofOthers!.count, examples: examples.flat() };
  } catch (error) {
    // A server before 1.30 does not know the attribute.
    if (codeOf(error) === INVALID_ARGUMENT) return null;
    if (error instanceof Error && codeOf(error.cause) === INVALID_ARGUMENT) return null;
    throw error;
  }
}

/** Ids of the first workflows, `most` at most. */
async function first(workflow: WorkflowClient, query: string, most: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of workflow.list({ query, pageSize: most })) {
    if (ids.push(workflowId) >= most) break;
  }
  return ids;
}

/** Queries by ids, since a namespace may lack our own search attributes. */
function queriesOf(whose: BlockedOf): { readonly runs: string; readonly others: string } {
  if (whose === 'all') {
    return { runs: 'WorkflowType = "run"', others: 'WorkflowType IN ("experiment", "shard")' };
  }
  const driver = whose.driverWorkflowId ?? experimentWorkflowId(whose.id);
  return {
    runs: `WorkflowId STARTS_WITH "run-${whose.id}-"`,
    others: `(WorkflowId = ${JSON.stringify(driver)} OR WorkflowId STARTS_WITH "shard-${whose.id}-")`,
  };
}

function isRun(workflowId: string): boolean {
  return workflowId.startsWith('run-');
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Null if the workflow has ended, or no task of it failed since it last went on. */
async function blockedWorkflow(client: WorkflowClient, workflowId: string): Promise<BlockedWorkflow | null> {
  try {
    const { raw } = await client.getHandle(workflowId).describe();
    if (!isBlocked(raw)) return null;
    const attempt = raw.pendingWorkflowTask?.attempt ?? 0;
    let unanswered: number | null = null;
    const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
      namespace: client.options.namespace,
      execution: { workflowId },
      maximumPageSize: LAST_EVENTS,
    });
    // Later attempts leave no event. A signal may follow the failure.
    for (const event of history?.events ?? []) {
      if (event.workflowTaskCompletedEventAttributes) return null;
      const failed = event.workflowTaskFailedEventAttributes;
      const since = optionalTsToMs(event.eventTime) ?? null;
      if (failed) {
        return {
          workflowId,
          since,
          reason: shortReason(failed.failure?.message ?? ''),
          worker: failed.identity ?? '',
        };
      }
      if (event.workflowTaskTimedOutEventAttributes) unanswered ??= since;
      const started = event.workflowTaskStartedEventAttributes;
      if (started && unanswered !== null) {
        if (attempt < UNANSWERED_ATTEMPTS) return null;
        const reason = `it did not answer, and no worker has in ${attempt} attempts`;
        return { workflowId, since: unanswered, reason, worker: started.identity ?? '' };
      }
    }
    return null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

type Described = Awaited<ReturnType<ReturnType<WorkflowClient['getHandle']>['describe']>>['raw'];

/**
 * Whether its task waits for another attempt. A task that was never tried is its first attempt, as is the
 * task of a workflow that has gone on.
 */
export function isBlocked({ pendingWorkflowTask }: Described): boolean {
  return (pendingWorkflowTask?.attempt ?? 0) > 1;
}

/** One line of the reason, for people. */
export function shortReason(reason: string): string {
  const line = visibleLine(withoutSecrets(reason));
  return line.length > REASON_LENGTH ? `${line.slice(0, REASON_LENGTH)}…` : line;
}
