import type { Store } from '../db/index.js';
import { PanicError } from '../common/errors.js';
import type { DeploymentVersion } from './temporal/worker-deployment.js';
import { bundleSha256 } from './workflow-bundle.js';

/** How many digits of a digest messages and build ids show. */
const SHORT = 12;

/** A build id that stands for this workflow code alone: `0.2.0-71d57c20c8cf`. */
export function ownBuildId(version: string): string {
  return `${version}-${bundleSha256().slice(0, SHORT)}`;
}

/**
 * Makes sure that all workers of a build id have the same workflow code. The server may give any of them any
 * workflow of that build; a workflow that began with other code would be blocked. `version` is the version of
 * this program.
 * @throws PanicError InvalidInput if another worker of the build id recorded other code.
 */
export async function requireOwnBuild(
  { builds }: Pick<Store, 'builds'>,
  { deploymentName, buildId }: DeploymentVersion,
  version: string,
): Promise<void> {
  const own = bundleSha256();
  const code = { bundleSha256: Buffer.from(own, 'hex'), version };
  const recorded = await builds.recordOnce({ deployment: deploymentName, buildId }, code, Date.now());
  if (recorded.bundleSha256.equals(code.bundleSha256)) return;
  const known = recorded.bundleSha256.toString('hex');
  throw new PanicError(
    'InvalidInput',
    `the build id ${buildId} of ${deploymentName} stands for the workflow code ${known.slice(0, SHORT)} of version ${recorded.version}, ` +
      `as its first worker recorded at ${new Date(recorded.recordedAt).toISOString()}, and this worker has the code ${own.slice(0, SHORT)} of version ${version}. ` +
      'Workflows that begin with the one would be blocked at the other, so this worker serves nothing; give other code a build id of its own: "--build-id auto" makes one',
  );
}
