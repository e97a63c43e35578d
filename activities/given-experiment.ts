import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { PanicError } from '../common/errors.js';
import { parseExperimentBytes, validateExperiment } from '../experiment/index.js';
import type { Validation } from '../experiment/index.js';
import type { Catalogue } from '../experiment/model.js';

interface Execution {
  readonly workflowId: string;
  readonly runId: string;
}

const SOURCE = 'the experiment';

/**
 * Validates the experiment that a workflow was started with, by the bytes that its caller gave. What the workflow itself is
 * handed is parsed already: a repeated key is gone by then, and U+FFFD stands for bytes that are no UTF-8.
 * @throws PanicError `InvalidInput` where the workflow has several inputs, or one that is no JSON.
 */
export async function givenExperiment(
  client: Client,
  execution: Execution,
  catalogue: Catalogue,
): Promise<Validation> {
  const payloads = await inputOf(client, execution);
  if (payloads.length > 1) {
    throw new PanicError(
      'InvalidInput',
      `${SOURCE}: found ${payloads.length} inputs of the workflow; allowed: one, the experiment in JSON`,
    );
  }
  const [payload] = payloads;
  if (payload === undefined) return validateExperiment(undefined, catalogue);
  const encoding = Buffer.from(payload.metadata?.['encoding'] ?? []).toString();
  switch (encoding) {
    case 'json/plain':
      return parseExperimentBytes(payload.data ?? new Uint8Array(), SOURCE, catalogue);
    case 'binary/null':
      return validateExperiment(undefined, catalogue);
    default:
      throw new PanicError(
        'InvalidInput',
        `${SOURCE}: found an input with the encoding ${JSON.stringify(encoding)}; allowed: json/plain, the experiment in JSON`,
      );
  }
}

/** Of its first event, which a reset copies. */
async function inputOf(
  { workflowService, options }: Client,
  execution: Execution,
): Promise<readonly Payload[]> {
  const { history } = await workflowService.getWorkflowExecutionHistory({
    namespace: options.namespace,
    execution,
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (started == null) throw new Error(`the history of workflow ${execution.workflowId} has no beginning`);
  return started.input?.payloads ?? [];
}
