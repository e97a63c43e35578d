import { WorkflowNotFoundError } from '@temporalio/client';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DriverElsewhere } from '../../activities/index.js';
import type { Driver, DriverService } from '../../db/index.js';
import { openClient } from './client.js';

type ConnectionOptions = NonNullable<Parameters<typeof openClient>[0]>;

const ANSWER_WITHIN_MS = 5000;
const PAUSE_MS = 2000;

/**
 * Asks an earlier service whether an execution still runs. If another service now answers at its address, or
 * the same one without its state, the execution has ended. Our API key is not sent, since we do not know what
 * answers.
 */
export async function askOtherService(
  driver: Driver,
  service: DriverService,
  { tls }: Pick<ConnectionOptions, 'tls'>,
  attempts = 1,
): Promise<DriverElsewhere> {
  const there = service.where;
  if (there?.kind !== 'service') return 'unknown';
  if (there.machine !== null && there.machine !== hostname()) return 'unknown';
  for (let attempt = 1; ; attempt++) {
    const asked = await askOnce(driver, service, there, tls);
    if (asked !== 'unknown' || attempt === attempts) return asked;
    await sleep(PAUSE_MS);
  }
}

async function askOnce(
  { workflowId, runId }: Driver,
  service: DriverService,
  { address, namespace }: { readonly address: string; readonly namespace: string },
  tls: ConnectionOptions['tls'],
): Promise<DriverElsewhere> {
  try {
    const options = { address, connectTimeout: ANSWER_WITHIN_MS, ...(tls === undefined ? {} : { tls }) };
    const { client, connection, close } = await openClient(options, namespace);
    try {
      return await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => {
        const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace });
        if (namespaceInfo?.id !== service.id) return 'over';
        const { status } = await client.workflow.getHandle(workflowId, runId).describe();
        return status.name === 'RUNNING' ? 'running' : 'over';
      });
    } finally {
      await close();
    }
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? 'over' : 'unknown';
  }
}
