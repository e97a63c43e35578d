import { Client, Connection } from '@temporalio/client';
import { join } from 'node:path';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import {
  startTemporalServer,
  type TemporalServer,
  type TemporalServerOptions,
} from '../../workers/temporal/server.js';
import { httpRequest } from './http-request.js';
import { until } from './child-processes.js';

/** A real server with its state in the folder. The caller stops it. */
export async function startServer(
  folder: string,
  options: Partial<TemporalServerOptions> = {},
): Promise<{
  server: TemporalServer;
  notices: string[];
  /**
   * Notices that servers of other tests have the ports which browsers do not open. There are some twenty such
   * ports.
   */
  lackingPorts: string[];
}> {
  const notices: string[] = [];
  const lackingPorts: string[] = [];
  const server = await startTemporalServer({
    cli: await findTemporalCli({ fetch: false }),
    databaseFile: join(folder, 'temporal.sqlite'),
    logFile: join(folder, 'temporal.log'),
    onNotice: (sentence) =>
      (sentence.includes('browsers do not open') ? lackingPorts : notices).push(sentence),
    // Saves the second that the server takes to end in order.
    graceMs: 0,
    ...options,
  });
  return { server, notices, lackingPorts };
}

/**
 * Resolves when the web UI reaches the server. The UI starts beside the server, and tries again after a
 * second or more.
 */
export async function webUiAnswers({ uiAddress }: Pick<TemporalServer, 'uiAddress'>): Promise<void> {
  await until(
    'the web UI reaches the server',
    async () => (await httpRequest(`${uiAddress}/api/v1/namespaces`)).status === 200,
  );
}

type Address = Pick<TemporalServer, 'address'>;

export async function withConnection<T>(
  { address }: Address,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** Starts a workflow that no worker takes. */
export async function startWorkflow(
  server: Address,
  workflowId: string,
  namespace = 'default',
): Promise<void> {
  await withConnection(server, async (connection) => {
    await new Client({ connection, namespace }).workflow.start('waits', {
      taskQueue: 'without-workers',
      workflowId,
      searchAttributes: { PanicTdaExperiment: ['e'], PanicTdaStatus: ['running'], PanicTdaNetwork: ['n'] },
    });
  });
}

export async function workflowStatus(server: Address, workflowId: string): Promise<string> {
  return await withConnection(server, async (connection) => {
    const description = await new Client({ connection }).workflow.getHandle(workflowId).describe();
    return description.status.name;
  });
}
