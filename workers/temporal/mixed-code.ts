import { listed } from '../../common/problems.js';

/** A worker with workflow code that takes no part in the server's worker deployments. */
export interface UnversionedWorker {
  readonly identity: string;
  /** What it reports of its code: `ownBuildId`, or, before 0.2.0, the SDK's digest of the whole bundle. */
  readonly buildId: string;
}

const OWN_BUILD_ID = /-([0-9a-f]{12})$/;

/** A warning if workers without a version have different workflow code; null if all have the same. */
export function mixedCodeText(workers: readonly UnversionedWorker[]): string | null {
  if (new Set(workers.map(codeOf)).size < 2) return null;
  const named = workers.map(({ identity, buildId }) => {
    return `${identity} (${OWN_BUILD_ID.test(buildId) ? buildId : 'a version before 0.2.0'})`;
  });
  return (
    `workers without a version have different workflow code: ${listed(named.toSorted())}. A workflow that one of them went on with may stand still at another ` +
    'until the first has it again, so stop those of one code, or use versions ("panic-tda worker --help"). A worker that was stopped counts for 75 s'
  );
}

/** The digest of the code, without the version of the package. */
function codeOf({ buildId }: UnversionedWorker): string {
  return OWN_BUILD_ID.exec(buildId)?.[1] ?? buildId;
}
