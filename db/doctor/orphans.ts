import { rm } from 'node:fs/promises';
import type { Database, Snapshot } from '../database.js';
import type { ObjectStore } from '../objects/object-store.js';
import { unmentionedObjects } from '../objects/unmentioned.js';

/** Something that a crash or a deletion left behind and nothing mentions. It breaks no invariant, and takes room. */
export type Orphan =
  /** A temporary file of a write that was cut off. */
  | { readonly kind: 'temporary file'; readonly path: string }
  | {
      readonly kind: 'object';
      readonly path: string;
      readonly sha256: Buffer;
      readonly byteLength: number;
    }
  | { readonly kind: 'artifact'; readonly id: number };

/** Younger ones may be those of a write that is under way, here or on another machine. */
const ORPHAN_AGE_MS = 3_600_000;

const UNMENTIONED = `
  select id from artifacts except select prompt_id from runs
  except select input_id from invocations except select output_id from invocations`;

// In the order of the objects' own names.
const PICTURES = `select sha256 from artifacts where modality = 'image' order by sha256`;

/**
 * What nobody needs: artifacts that no run mentions, and objects without an artifact or temporary files that were last
 * touched an hour before `now` (ms since the epoch). Holds nothing in memory: both lists are read in one order, side by side.
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
    for await (const { id } of snapshot.rows<{ id: number }>(UNMENTIONED)) yield { kind: 'artifact', id };
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
  const pictures = snapshot.rows<{ sha256: Buffer }>(PICTURES);
  for await (const { sha256, byteLength, modifiedAt } of unmentionedObjects(objects.list(), pictures)) {
    if (modifiedAt >= before) continue;
    yield { kind: 'object', path: objects.location(sha256), sha256, byteLength };
  }
}

/** Deletes an orphan that is no row. */
export async function removeOrphan(
  objects: ObjectStore,
  orphan: Exclude<Orphan, { kind: 'artifact' }>,
): Promise<void> {
  if (orphan.kind === 'object') await objects.remove(orphan.sha256);
  else await rm(orphan.path, { force: true });
}
