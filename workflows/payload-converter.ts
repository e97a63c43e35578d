import { defaultPayloadConverter, workflowInfo } from '@temporalio/workflow';
import type { PayloadConverter } from '@temporalio/workflow';

/**
 * The SDK's converter, with one difference: a value from the caller of the workflow that workflows cannot
 * decode becomes `{ unreadable: REASON }`. If a converter throws, the task that brought the value fails, and
 * the server retries that task for ever: the workflow would neither continue nor end. With this converter the
 * workflow continues and judges the value, and `planExperiment` reads the payload itself and names its
 * encoding. Results of activities and child workflows come from our own code. Code that cannot read them has
 * another version, so there the converter throws and the task waits.
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
