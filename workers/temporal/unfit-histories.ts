import type { Client } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';
import proto from '@temporalio/proto';
import { EventEmitter } from 'node:events';
import { isBlocked, shortReason } from './blocked-workflows.js';
import type { Gauges } from '../observation/gauges.js';

const { EvictionReason } = proto.coresdk.workflow_activation.RemoveFromCache;

/**
 * Reasons for which the SDK drops a workflow in the middle of a task: the commands of the code differ from
 * the history, or the code threw.
 */
const UNFIT: ReadonlySet<unknown> = new Set([
  EvictionReason.NONDETERMINISM,
  EvictionReason.LANG_FAIL,
  EvictionReason.FATAL,
]);

/** Workflows that the workflow code of a worker could not go on with. */
export interface UnfitHistories {
  /** Notes the workflows that this worker gives up from now on. */
  watch(worker: Worker): void;
  /** How many of them still wait, for this worker or another. */
  count(): number;
  /**
   * A sentence while some of them wait, and for a while after the last task that failed here; null otherwise.
   */
  problem(): string | null;
  close(): Promise<void>;
}

interface Options {
  readonly client: Client;
  /** Called for the first one, when no other waits. */
  readonly onFirst: (sentence: string) => void;
  /** Time between two looks at what the service reports of them. */
  readonly lookEveryMs?: number;
  /** For how long a failed task keeps this worker from being ready, even if others have done the task. */
  readonly staysMs?: number;
}

interface Unfit {
  readonly runId: string;
  workflowId: string | null;
  reason: string;
  lastAt: number;
}

const LOOK_EVERY_MS = 5000;
const STAYS_MS = 30_000;
/** The worker knows of a failed task before the server does. */
const ON_ITS_WAY_MS = 5000;
/** The service may find a new execution by its id only after a while. */
const NAMED_WITHIN_MS = 60_000;
/** How many workflows one look asks about, and how many at a time. */
const LOOKED_AT = 200;
const AT_ONCE = 10;
const ANSWER_WITHIN_MS = 5000;

export function unfitHistories(options: Options): UnfitHistories {
  const { client, onFirst, lookEveryMs = LOOK_EVERY_MS, staysMs = STAYS_MS } = options;
  const unfit = new Map<string, Unfit>();
  let last: Unfit | null = null;
  let looking: Promise<void> | null = null;

  function note(runId: string, message: string): void {
    const known = unfit.get(runId);
    const reason = shortReason(failureMessage(message));
    const noted: Unfit = { workflowId: null, ...known, runId, reason, lastAt: Date.now() };
    last = noted;
    unfit.set(runId, noted);
    if (unfit.size > 1 || known !== undefined) return;
    void name([noted])
      .catch(() => undefined)
      .then(() => onFirst(sentence(noted, 1)));
  }

  function sentence(one: Unfit, waiting: number): string {
    const which = one.workflowId ?? `an execution of the id ${one.runId}`;
    const many = waiting > 1 ? `${waiting} workflows` : 'a workflow';
    return (
      `the workflow code of this worker does not fit the history of ${many}: it could not go on with ${which} (${one.reason}); ` +
      'nothing of this has failed, and it goes on with a worker of the version that it began with (docs/workers.md, "Code that does not fit")'
    );
  }

  async function look(): Promise<void> {
    const before = Date.now() - ON_ITS_WAY_MS;
    const due = [...unfit.values()].filter(({ lastAt }) => lastAt < before).slice(0, LOOKED_AT);
    await name(due);
    const queue = [...due];
    async function lane(): Promise<void> {
      for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
        const stays =
          one.workflowId === null
            ? one.lastAt > Date.now() - NAMED_WITHIN_MS
            : await waits(one.workflowId, one.runId);
        // It may have failed here again meanwhile.
        if (unfit.get(one.runId) !== one) continue;
        unfit.delete(one.runId);
        // Moves it to the end, so that the next look begins with others.
        if (stays) unfit.set(one.runId, one);
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  /** The SDK reports executions only; the service knows the workflow of each. */
  async function name(executions: readonly Unfit[]): Promise<void> {
    const unnamed = executions.filter(({ workflowId }) => workflowId === null);
    for (let from = 0; from < unnamed.length; from += AT_ONCE) {
      const part = unnamed.slice(from, from + AT_ONCE);
      const query = `RunId IN (${part.map(({ runId }) => JSON.stringify(runId)).join(', ')})`;
      for await (const { workflowId, runId } of client.workflow.list({ query })) {
        const one = unfit.get(runId);
        if (one !== undefined) one.workflowId = workflowId;
      }
    }
  }

  async function waits(workflowId: string, runId: string): Promise<boolean> {
    const { status, raw } = await client.workflow.getHandle(workflowId, runId).describe();
    return status.name === 'RUNNING' && isBlocked(raw);
  }

  const timer = setInterval(() => {
    if (unfit.size === 0) return;
    looking ??= client
      .withDeadline(Date.now() + ANSWER_WITHIN_MS, look)
      // Readiness reports a service that does not answer. What is known stays.
      .catch(() => undefined)
      .finally(() => (looking = null));
  }, lookEveryMs);
  timer.unref();

  return {
    watch(worker) {
      const evictions: unknown = Reflect.get(worker, 'evictionsEmitter');
      if (!(evictions instanceof EventEmitter)) {
        throw new Error('this version of the Temporal SDK does not tell which workflows it gives up');
      }
      evictions.on('eviction', ({ runId, evictJob }: Eviction) => {
        if (UNFIT.has(evictJob.reason)) note(runId, evictJob.message ?? '');
      });
    },
    count: () => unfit.size,
    problem() {
      const [one] = unfit.values();
      if (one !== undefined) return sentence(one, unfit.size);
      return last !== null && Date.now() - last.lastAt < staysMs ? sentence(last, 1) : null;
    },
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}

export function unfitGauges(unfit: Pick<UnfitHistories, 'count'>): Gauges {
  return {
    source: 'blocked workflows',
    read: async () => [
      {
        name: 'panic_tda_blocked_workflows',
        help: 'Workflows that wait since the code of this worker does not fit their histories',
        samples: [{ value: unfit.count() }],
      },
    ],
  };
}

/** An internal event of the SDK (handleActivation in worker.js of 1.24). */
interface Eviction {
  readonly runId: string;
  readonly evictJob: { readonly reason?: unknown; readonly message?: string | null };
}

/** Extracts the message from the failure as the SDK's core formats it. */
function failureMessage(text: string): string {
  const [, quoted] = /Failure \{ message: ("(?:[^"\\]|\\.)*")/.exec(text) ?? [];
  if (quoted === undefined) return text;
  try {
    return String(JSON.parse(quoted));
  } catch {
    // Rust escapes more characters than JSON does.
    return quoted.slice(1, -1);
  }
}
