import type { ClientConnectConfig } from '@temporalio/envconfig';
import proto from '@temporalio/proto';
import protobuf from 'protobufjs';
import { errorMessage } from '../../common/errors.js';
import { TASK_QUEUES } from '../../workflows/names.js';
import { hides } from './service-problems.js';
import { callService } from './what-answers.js';

const { TASK_QUEUE_TYPE_ACTIVITY, TASK_QUEUE_TYPE_WORKFLOW } = proto.temporal.api.enums.v1.TaskQueueType;

/** Whether experiments take turns at the task queues, as far as the service shows it. */
export type Fairness =
  | { readonly kind: 'on' | 'off' }
  /** No task has waited in a queue yet, so nothing shows it. */
  | { readonly kind: 'unseen' }
  /** The service does not let this process look. `why` is its answer. */
  | { readonly kind: 'hidden'; readonly why: string }
  | { readonly kind: 'unanswered'; readonly why: string };

const METHOD = '/temporal.server.api.adminservice.v1.AdminService/DescribeTaskQueuePartition';

/**
 * The part that we need of the server's internal interface. No package for TypeScript has its messages:
 * adminservice/v1/request_response.proto and taskqueue/v1/message.proto of
 * https://github.com/temporalio/temporal/tree/main/proto/internal/temporal/server/api
 */
const { root: messages } = protobuf.parse(`
  syntax = "proto3";
  message Request { string namespace = 1; Partition task_queue_partition = 2; Versions build_ids = 3; }
  message Partition { string task_queue = 1; int32 task_queue_type = 2; oneof partition_id { int32 normal_partition_id = 3; } }
  message Versions { bool unversioned = 2; }
  message Response { map<string, Version> versions_info_internal = 1; }
  message Version { PhysicalQueue physical_task_queue_info = 2; }
  message PhysicalQueue { repeated Status internal_task_queue_status = 3; }
  message Status {
    int64 read_level = 1; int64 ack_level = 2; int64 max_read_level = 6;
    Level fair_read_level = 7; Level fair_ack_level = 8; Level fair_max_read_level = 9;
    bool draining = 10;
  }
  message Level { int64 task_pass = 1; int64 task_id = 2; }
`);

/** How far a queue was read and written: by turns, or in order. The server leaves out what is zero. */
interface Status {
  readonly readLevel?: string;
  readonly ackLevel?: string;
  readonly maxReadLevel?: string;
  readonly fairReadLevel?: object;
  readonly fairAckLevel?: object;
  readonly fairMaxReadLevel?: object;
  /** Whether it is from before a change of the setting. */
  readonly draining?: boolean;
}

interface Response {
  readonly versionsInfoInternal?: Readonly<
    Record<
      string,
      { readonly physicalTaskQueueInfo?: { readonly internalTaskQueueStatus?: readonly Status[] } }
    >
  >;
}

/** Tasks of every experiment pass these queues. */
const QUEUES = [
  { taskQueue: TASK_QUEUES.main, taskQueueType: TASK_QUEUE_TYPE_WORKFLOW },
  { taskQueue: TASK_QUEUES.gpu, taskQueueType: TASK_QUEUE_TYPE_ACTIVITY },
];
/** As many as a queue has by default. */
const PARTITIONS = [0, 1, 2, 3];

/**
 * Whether the server reads our queues of this namespace by turns. No public call says that. The interface for
 * the server's operators does, which hosted services do not offer. Changes no task and no setting.
 */
export async function fairnessOf(
  options: ClientConnectConfig['connectionOptions'],
  namespace: string,
): Promise<Fairness> {
  const request = messages.lookupType('Request');
  const response = messages.lookupType('Response');
  const asked = QUEUES.flatMap((queue) =>
    PARTITIONS.map((normalPartitionId) =>
      request.create({
        namespace,
        taskQueuePartition: { ...queue, normalPartitionId },
        buildIds: { unversioned: true },
      }),
    ),
  );
  try {
    const answers = await Promise.all(
      asked.map(async (one) => callService(options, METHOD, Buffer.from(request.encode(one).finish()))),
    );
    const refused = answers.find(({ grpcStatus }) => grpcStatus !== 0);
    if (refused !== undefined) {
      const kind = hides(refused.grpcStatus ?? 0) ? 'hidden' : 'unanswered';
      return { kind, why: refused.grpcMessage };
    }
    return fairnessIn(answers.map(({ message }) => response.decode(message).toJSON() as Response));
  } catch (error) {
    return { kind: 'unanswered', why: errorMessage(error) };
  }
}

function fairnessIn(answers: readonly Response[]): Fairness {
  const statuses = answers
    .flatMap(({ versionsInfoInternal = {} }) => Object.values(versionsInfoInternal))
    .flatMap(({ physicalTaskQueueInfo }) => physicalTaskQueueInfo?.internalTaskQueueStatus ?? [])
    .filter(({ draining }) => draining !== true);
  const byTurns = statuses.some(
    ({ fairReadLevel, fairAckLevel, fairMaxReadLevel }) =>
      (fairReadLevel ?? fairAckLevel ?? fairMaxReadLevel) !== undefined,
  );
  if (byTurns) return { kind: 'on' };
  const inOrder = statuses.some(
    ({ readLevel, ackLevel, maxReadLevel }) => (readLevel ?? ackLevel ?? maxReadLevel) !== undefined,
  );
  return { kind: inOrder ? 'off' : 'unseen' };
}
