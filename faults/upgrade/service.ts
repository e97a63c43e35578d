import { type Client, WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { CommandError } from '../../bench/common/command.js';

/** How the service of a rehearsal routes work to builds. */
export interface Routing {
  readonly current: string | null;
  readonly ramping: string | null;
  readonly percentage: number;
}

/** The name that the page's commands give their deployment. */
const DEPLOYMENT = 'panic-tda';

export async function routingOf(client: Client): Promise<Routing> {
  const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({
    namespace: client.options.namespace,
    deploymentName: DEPLOYMENT,
  });
  const config = workerDeploymentInfo?.routingConfig;
  return {
    current: config?.currentDeploymentVersion?.buildId ?? null,
    ramping: config?.rampingDeploymentVersion?.buildId ?? null,
    percentage: config?.rampingVersionPercentage ?? 0,
  };
}

/**
 * For each run of an experiment, the build whose workers did its last workflow task; null before the first
 * task. Throws a CommandError if a run has ended.
 */
export async function buildsOfRuns(
  client: Client,
  experiment: string,
  runs: number,
): Promise<(string | null)[]> {
  return await Promise.all(
    Array.from({ length: runs }, async (_, index) => {
      const found = await describeIfThere(client, `run-${experiment}-${index}`);
      if (found === null) return null;
      if (found.status.name !== 'RUNNING')
        throw new CommandError(`run ${index} was to last, and is ${found.status.name}; give more --length`);
      return found.raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? null;
    }),
  );
}

async function describeIfThere(client: Client, id: string): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(id).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
