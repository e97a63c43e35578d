import type { Client } from '@temporalio/client';
import type { WorkerDeploymentOptions } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';

/** A version of the workers in the server's worker deployments. */
export interface DeploymentVersion {
  readonly deploymentName: string;
  readonly buildId: string;
}

const PAUSE_MS = 2000;

/**
 * Workflows follow the current version (AUTO_UPGRADE) instead of staying with the one on which they began
 * (PINNED). An experiment takes weeks, and a pinned one would need workers of its version until its end, also
 * for its activities: the models of two versions would stand side by side on each GPU. Following is safe,
 * because the tests replay the histories of all earlier releases (test/histories). It is useful, because
 * tasks go to one version at a time, forwards and backwards, when an operator says so.
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
 * How a worker without worker deployments reports its code. The server gives it work as any other worker
 * without a version, and tells those who ask which code it has.
 */
export function unversionedOptions(ownBuildId: string): {
  workerDeploymentOptions: WorkerDeploymentOptions;
} {
  const version = { deploymentName: 'panic-tda', buildId: ownBuildId };
  return { workerDeploymentOptions: { version, useWorkerVersioning: false } };
}

/** The command by which an operator gives new work, and the workflows that are under way, to this version. */
export function setCurrentCommand({ deploymentName, buildId }: DeploymentVersion): string {
  return `temporal worker deployment set-current-version --deployment-name ${deploymentName} --build-id ${buildId}`;
}

/** The build id that gets the tasks; null if none is current, and then versioned workers get no work. */
export async function currentBuildId(client: Client, deploymentName: string): Promise<string | null> {
  const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({
    namespace: client.options.namespace,
    deploymentName,
  });
  return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? null;
}

/**
 * Makes the version current as soon as the server allows it: the server must have seen it poll, and it must
 * serve every queue that the current one serves. Says why it waits when the reason changes. Resolves when it
 * is done, or `signal` is raised.
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
