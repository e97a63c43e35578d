import { and, asc, eq } from 'drizzle-orm';
import type { Database } from '../connection/database.js';
import { builds } from '../schema.js';
import { all, get, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/** A build id of the server's worker deployments. */
export interface BuildKey {
  readonly deployment: string;
  readonly buildId: string;
}

/** The code behind a build id. */
export interface BuildCode {
  /** SHA-256 of the workflow code. */
  readonly bundleSha256: Buffer;
  /** Version of the package, for people. */
  readonly version: string;
}

export interface RecordedBuild extends BuildKey, BuildCode {
  /** Milliseconds since the epoch. */
  readonly recordedAt: number;
}

/**
 * The known builds of the workers. They belong to no experiment: no command merges or deletes them, and they
 * are no content.
 */
export function buildTable({ build, read, write }: Database) {
  const { deployment, buildId, bundleSha256, version, recordedAt } = builds;
  const columns = { deployment, buildId, bundleSha256, version, recordedAt };

  function* found(key: BuildKey): Work<RecordedBuild | null> {
    const isIt = and(eq(deployment, key.deployment), eq(buildId, key.buildId));
    return (yield* get(build.select(columns).from(builds).where(isIt))) ?? null;
  }

  function* insertedOnce(row: RecordedBuild): Work<RecordedBuild> {
    yield* run(build.insert(builds).values(row).onConflictDoNothing());
    return (yield* found(row))!;
  }

  /** The code of the first worker that stated this build id. Records `code` if there was none. */
  async function recordOnce(key: BuildKey, code: BuildCode, now: number): Promise<RecordedBuild> {
    return (
      (await read(() => found(key))) ??
      (await write(() => insertedOnce({ ...key, ...code, recordedAt: now })))
    );
  }

  /** All builds, the oldest first. */
  async function list(): Promise<RecordedBuild[]> {
    return await read(() =>
      all(build.select(columns).from(builds).orderBy(asc(recordedAt), asc(deployment), asc(buildId))),
    );
  }

  return { recordOnce, list };
}
