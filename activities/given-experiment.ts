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
 * Validates the experiment that a workflow was started with, from the bytes that the caller sent. The workflow
 * itself receives a parsed value: it shows no repeated key, and has U+FFFD in place of bytes that are not
 * UTF-8.
 * @throws PanicError `InvalidInput` if the workflow has several inputs, or one that is not JSON.
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

/** Reads the input from the first event of the history. A reset copies that event. */
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
