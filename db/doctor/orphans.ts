import { rm } from 'node:fs/promises';
import type { Modality } from '../../experiment/artifact.js';
import type { Database, Snapshot } from '../connection/database.js';
import type { ObjectStore } from '../objects/object-store.js';
import { hasObject } from '../tables/has-object.js';
import { unmentionedObjects } from '../objects/unmentioned.js';

/**
 * Something that a crash or a deletion left behind, and that nothing mentions. It breaks no invariant and
 * only uses room.
 */
export type Orphan =
  /** A temporary file of an interrupted write. */
  | { readonly kind: 'temporary file'; readonly path: string }
  | {
      readonly kind: 'object';
      readonly path: string;
      readonly sha256: Buffer;
      readonly byteLength: number;
    }
  | OrphanRow;

/** A text or picture that no run mentions. */
export interface OrphanRow {
  readonly kind: 'artifact';
  readonly id: number;
  readonly modality: Modality;
}

/** A younger object may belong to a write that is under way, on this machine or another. */
const ORPHAN_AGE_MS = 3_600_000;

const UNMENTIONED = `
  select id, modality from artifacts where id in (
    select id from artifacts except select prompt_id from runs
    except select input_id from invocations except select output_id from invocations
  ) order by id`;

/**
 * The ceiling for deletions of pictures that no row mentions; above it a user must confirm. It is the larger
 * of a number and a share of all stored pictures.
 */
const CEILING = { pictures: 100, oneIn: 100 };

/**
 * A restored copy of a database mentions none of the later pictures, and another database mentions hardly
 * any: no crash leaves so many behind.
 */
export function deletionCeiling(stored: number): number {
  return Math.max(CEILING.pictures, Math.floor(stored / CEILING.oneIn));
}

/** Texts and pictures that no run mentions. */
export async function* findOrphanRows(db: Database): AsyncGenerator<OrphanRow, void, undefined> {
  const snapshot = await db.snapshot();
  try {
    yield* orphanRows(snapshot);
  } finally {
    await snapshot.close();
  }
}

async function* orphanRows(snapshot: Snapshot): AsyncGenerator<OrphanRow, void, undefined> {
  for await (const row of snapshot.rows<Omit<OrphanRow, 'kind'>>(UNMENTIONED))
    yield { kind: 'artifact', ...row };
}

// In the order of the objects' own names.
const OBJECTS = `select sha256 from artifacts where ${hasObject()} order by sha256`;

/**
 * Artifacts that no run mentions, objects without an artifact, and temporary files; the last two only if they
 * are unchanged since an hour before `now` (ms since the epoch). It holds nothing in memory: it reads both
 * lists side by side, in one order.
 */
export async function* findOrphans(
  db: Database,
  objects: ObjectStore,
  now: number,
): AsyncGenerator<Orphan, void, undefined> {
  const before = now - ORPHAN_AGE_MS;
  for await (const path of objects.leftovers(before)) yield { kind: 'temporary file', path };
  const snapshot = await db.snapshot();
  try {
    yield* orphanRows(snapshot);
    yield* orphanedObjects(snapshot, objects, before);
  } finally {
    await snapshot.close();
  }
}

async function* orphanedObjects(
  snapshot: Snapshot,
  objects: ObjectStore,
  before: number,
): AsyncGenerator<Orphan, void, undefined> {
  const pictures = snapshot.rows<{ sha256: Buffer }>(OBJECTS);
  for await (const { sha256, byteLength, modifiedAt } of unmentionedObjects(objects.list(), pictures)) {
    if (modifiedAt >= before) continue;
    yield { kind: 'object', path: objects.location(sha256), sha256, byteLength };
  }
}

/** Deletes an orphan that is not a row. */
export async function removeOrphan(
  objects: ObjectStore,
  orphan: Exclude<Orphan, { kind: 'artifact' }>,
): Promise<void> {
  if (orphan.kind === 'object') await objects.remove(orphan.sha256);
  else await rm(orphan.path, { force: true });
}
