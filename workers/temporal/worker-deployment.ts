import type { Client } from '@temporalio/client';
import type { WorkerDeploymentOptions } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';

/** A version of the workers, as the server's worker deployments know it. */
export interface DeploymentVersion {
  readonly deploymentName: string;
  readonly buildId: string;
}

const PAUSE_MS = 2000;

/**
 * Workflows follow the current version (AUTO_UPGRADE) instead of staying with the one that they began on (PINNED). An
 * experiment takes weeks, and a pinned one would need workers of its version until its end, for its activities too: the models
 * of two versions side by side on each GPU. What makes following safe is that the workflows of every release are replayed
 * from the histories of all earlier ones (test/histories), and what makes it useful is that tasks go to one version at a
 * time, forwards and backwards, when somebody says so.
 */
export function versioningOptions(version: DeploymentVersion): {
  workerDeploymentOptions: WorkerDeploymentOptions;
} {
  return {
    workerDeploymentOptions: {
      version,
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
  };
}

/**
 * What a worker says of its code where it takes no part in worker deployments. The server gives work to it as to any other without a
 * version, and tells who asks what code it has.
 */
export function unversionedOptions(ownBuildId: string): {
  workerDeploymentOptions: WorkerDeploymentOptions;
} {
  const version = { deploymentName: 'panic-tda', buildId: ownBuildId };
  return { workerDeploymentOptions: { version, useWorkerVersioning: false } };
}

/** What an operator types to give new work, and the workflows that are under way, to this version. */
export function setCurrentCommand({ deploymentName, buildId }: DeploymentVersion): string {
  return `temporal worker deployment set-current-version --deployment-name ${deploymentName} --build-id ${buildId}`;
}

/** The build id that the server gives tasks to; null where none is current, and versioned workers get no work. */
export async function currentBuildId(client: Client, deploymentName: string): Promise<string | null> {
  const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({
    namespace: client.options.namespace,
    deploymentName,
  });
  return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? null;
}

/**
 * Makes the version the current one as soon as the server lets it: a version must have been seen polling, and must serve every
 * queue that the current one serves. Says why it waits when the reason changes. Resolves when it is done, or `signal` is raised.
 */
export async function makeCurrent(
  client: Client,
  version: DeploymentVersion,
  tell: (sentence: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = '';
  while (!signal.aborted) {
    try {
      await client.workflowService.setWorkerDeploymentCurrentVersion({
        namespace: client.options.namespace,
        ...version,
        identity: client.options.identity,
      });
      tell(`Build ${version.buildId} is the current version of ${version.deploymentName} now.`);
      return;
    } catch (error) {
      const why = errorMessage(error);
      if (why !== told)
        tell(`Build ${version.buildId} of ${version.deploymentName} is not current yet: ${why}`);
      told = why;
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}
