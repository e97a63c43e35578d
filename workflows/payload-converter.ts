import { defaultPayloadConverter, workflowInfo } from '@temporalio/workflow';
import type { PayloadConverter } from '@temporalio/workflow';

/**
 * The SDK's converter, but a value that a caller of the workflow encoded in a way that workflows cannot read becomes `{ unreadable:
 * REASON }`. Where a converter throws, the task that the value came with fails, and the server tries such a task for ever: the workflow
 * would neither go on nor end. So the workflow goes on, and judges the value; `planExperiment` reads the payload itself and names its
 * encoding. What activities and child workflows answer is our own: code that cannot read it is of another version, and waits.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context, hint) => defaultPayloadConverter.toPayload(value, context, hint),
  fromPayload: (payload, context, hint) => {
    try {
      return defaultPayloadConverter.fromPayload(payload, context, hint);
    } catch (error) {
      const ofCaller = context?.type === 'workflow' && context.workflowId === workflowInfo().workflowId;
      if (context !== undefined && !ofCaller) throw error;
      const unreadable = error instanceof Error ? error.message : String(error);
      return defaultPayloadConverter.fromPayload(defaultPayloadConverter.toPayload({ unreadable }));
    }
  },
};
