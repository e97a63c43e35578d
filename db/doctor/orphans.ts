import { rm } from 'node:fs/promises';
import type { Modality } from '../../experiment/artifact.js';
import type { Database, Snapshot } from '../connection/database.js';
import type { ObjectStore } from '../objects/object-store.js';
import { hasObject } from '../tables/has-object.js';
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
  | OrphanRow;

/** A text or picture that no run mentions. */
export interface OrphanRow {
  readonly kind: 'artifact';
  readonly id: number;
  readonly modality: Modality;
}

/** Younger ones may be those of a write that is under way, here or on another machine. */
const ORPHAN_AGE_MS = 3_600_000;

const UNMENTIONED = `
  select id, modality from artifacts where id in (
    select id from artifacts except select prompt_id from runs
    except select input_id from invocations except select output_id from invocations
  ) order by id`;

/** Pictures that nothing mentions, of which more are not deleted without a further word: the larger of a number and a share of all that are stored. */
const CEILING = { pictures: 100, oneIn: 100 };

/** A restored copy mentions none of what was made after it, and another database hardly any: that many are left over by no crash. */
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

/** Deletes an orphan that is no row. */
export async function removeOrphan(
  objects: ObjectStore,
  orphan: Exclude<Orphan, { kind: 'artifact' }>,
): Promise<void> {
  if (orphan.kind === 'object') await objects.remove(orphan.sha256);
  else await rm(orphan.path, { force: true });
}
