import type { ConnectionLike } from '@temporalio/client';
import { grpcStatus, isHidden } from './service-problems.js';

type WorkflowService = ConnectionLike['workflowService'];

/** A method of the service that our commands and workers call. */
interface Call {
  readonly method: string;
  /** What does not work without it, as part of a sentence. */
  readonly without: string;
  /** One of the server's own roles (https://docs.temporal.io/self-hosted-guide/security#authorizer). */
  readonly role: 'reader' | 'writer';
  /** `shown`: only a report needs it, so work goes on without it. */
  readonly only: 'shown' | 'work';
  readonly ask: (service: WorkflowService, namespace: string) => Promise<unknown>;
}

/**
 * Each call gives the namespace only, so it changes nothing and waits for nothing. If this process may call
 * the method, the service refuses the call as incomplete, or answers.
 */
const CALLS: readonly Call[] = [
  {
    method: 'DescribeNamespace',
    role: 'reader',
    only: 'work',
    without: 'no worker starts',
    ask: (service, namespace) => service.describeNamespace({ namespace }),
  },
  {
    method: 'PollWorkflowTaskQueue',
    role: 'writer',
    only: 'work',
    without: 'workers get no workflows',
    ask: (service, namespace) => service.pollWorkflowTaskQueue({ namespace }),
  },
  {
    method: 'PollActivityTaskQueue',
    role: 'writer',
    only: 'work',
    without: 'workers get no steps',
    ask: (service, namespace) => service.pollActivityTaskQueue({ namespace }),
  },
  {
    method: 'StartWorkflowExecution',
    role: 'writer',
    only: 'work',
    without: '"run" starts no experiment',
    ask: (service, namespace) => service.startWorkflowExecution({ namespace }),
  },
  {
    method: 'SignalWorkflowExecution',
    role: 'writer',
    only: 'work',
    without: '"pause" and "resume" reach no workflow',
    ask: (service, namespace) => service.signalWorkflowExecution({ namespace }),
  },
  {
    method: 'RequestCancelWorkflowExecution',
    role: 'writer',
    only: 'work',
    without: '"cancel" reaches no workflow',
    ask: (service, namespace) => service.requestCancelWorkflowExecution({ namespace }),
  },
  {
    method: 'GetWorkflowExecutionHistory',
    role: 'reader',
    only: 'work',
    without: '"run" cannot wait for the end',
    ask: (service, namespace) => service.getWorkflowExecutionHistory({ namespace }),
  },
  {
    method: 'DescribeWorkflowExecution',
    role: 'reader',
    only: 'work',
    without: 'no command finds the workflow of an experiment',
    ask: (service, namespace) => service.describeWorkflowExecution({ namespace }),
  },
  {
    method: 'DescribeTaskQueue',
    role: 'reader',
    only: 'shown',
    without: '"plan", "status" and "doctor" cannot tell which workers serve a queue',
    ask: (service, namespace) => service.describeTaskQueue({ namespace }),
  },
  {
    method: 'ListWorkflowExecutions',
    role: 'reader',
    only: 'shown',
    without: '"status" and "doctor" find no blocked workflows',
    ask: (service, namespace) => service.listWorkflowExecutions({ namespace, pageSize: 1 }),
  },
];

/**
 * INVALID_ARGUMENT, NOT_FOUND and FAILED_PRECONDITION: the service looked at the request, so it allows the
 * call.
 */
const LOOKED_AT: ReadonlySet<number> = new Set([3, 5, 9]);

/** The methods, each with the role that it needs, as docs/service.md lists them. */
export const NEEDED_CALLS: readonly Omit<Call, 'ask'>[] = CALLS;

/** Methods that a service does not let this process call. */
export interface Refused {
  readonly calls: readonly Omit<Call, 'ask'>[];
  /** The service's answer to the first of them. */
  readonly reason: string;
}

/**
 * Which methods the service refuses this process, before anything is started or changed. Throws if the
 * service does not say.
 */
export async function refusedCalls(service: WorkflowService, namespace: string): Promise<Refused | null> {
  const answers = await Promise.all(
    CALLS.map(async ({ ask, ...call }) => {
      try {
        await ask(service, namespace);
        return [];
      } catch (error) {
        if (isHidden(error)) return [{ call, reason: grpcStatus(error)?.details ?? '' }];
        if (LOOKED_AT.has(grpcStatus(error)?.code ?? 0)) return [];
        throw error;
      }
    }),
  );
  const [first, ...others] = answers.flat();
  if (first === undefined) return null;
  return { calls: [first.call, ...others.map(({ call }) => call)], reason: first.reason };
}

/** The refusal as a sentence without its full stop. */
export function refusedText(address: string, namespace: string, { calls, reason }: Refused): string {
  const role = calls.some((call) => call.role === 'writer') ? 'writer' : 'reader';
  const inCloud = role === 'writer' ? 'Write' : 'Read';
  return (
    `the Temporal service at ${address} does not let this process call ${calls.map(({ method }) => method).join(', ')} in the namespace "${namespace}" ` +
    `(${reason}): ${calls.map(({ without }) => without).join(', ')}; give its API key or certificate the role ${role} of that namespace ` +
    `(in Temporal Cloud the permission ${inCloud})`
  );
}
