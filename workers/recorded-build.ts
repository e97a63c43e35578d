import type { Store } from '../db/index.js';
import { PanicError } from '../common/errors.js';
import type { DeploymentVersion } from './temporal/worker-deployment.js';
import { bundleSha256 } from './workflow-bundle.js';

/** Digits of a digest that people compare. */
const SHORT = 12;

/** A build id that no other workflow code has: `0.2.0-71d57c20c8cf`. */
export function ownBuildId(version: string): string {
  return `${version}-${bundleSha256().slice(0, SHORT)}`;
}

/**
 * Sees to it that all workers of a build id have one workflow code. The server gives any of them the workflows of that build, and
 * those that began with other code would be blocked. `version` is that of this program.
 * @throws PanicError InvalidInput where another worker of the build id recorded other code.
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
