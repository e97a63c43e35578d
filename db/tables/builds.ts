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

/** Which code a build id stands for. */
export interface BuildCode {
  /** Of the workflow code. */
  readonly bundleSha256: Buffer;
  /** Of the package, for people. */
  readonly version: string;
}

export interface RecordedBuild extends BuildKey, BuildCode {
  /** Milliseconds since the epoch. */
  readonly recordedAt: number;
}

/** What is known of the workers' builds. No experiment has a part in it: it is not merged, not deleted, and no content. */
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

  /** The code that a build id stands for: that of the first worker which said it. Records `code` where there was none. */
  async function recordOnce(key: BuildKey, code: BuildCode, now: number): Promise<RecordedBuild> {
    return (
      (await read(() => found(key))) ??
      (await write(() => insertedOnce({ ...key, ...code, recordedAt: now })))
    );
  }

  /** All of them, the oldest first. */
  async function list(): Promise<RecordedBuild[]> {
    return await read(() =>
      all(build.select(columns).from(builds).orderBy(asc(recordedAt), asc(deployment), asc(buildId))),
    );
  }

  return { recordOnce, list };
}
