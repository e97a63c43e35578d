import { desc, eq } from 'drizzle-orm';
import { randomUUID } from 'node:crypto';
import { PanicError } from '../experiment/errors.js';
import type { Database } from './database.js';
import { OBJECTS_FOLDER } from './layout.js';
import type { ObjectStore } from './objects/object-store.js';
import { artifacts, objectsPlaces } from './schema.js';
import { all, get, run } from './work.js';
import type { Work } from './work.js';

/** Where a database says that its objects are. */
export interface RecordedPlace {
  readonly placeId: string;
  /** For people. */
  readonly place: string;
}

export type ObjectsPlaceTable = ReturnType<typeof objectsPlaceTable>;

/** Where objects are whose database is the SQLite file of the data folder that they lie in. */
export const OWN_PLACE = `the folder "${OBJECTS_FOLDER}" of its data folder`;

/** Pictures that are looked for before a place counts as that of a database which has some already. */
const PROOFS = 3;

/**
 * Sees to it that all processes of a database have its objects in one place. `here` is where this process has them, `own` whether
 * that is because nobody named a place, `place` the same for people.
 */
export function objectsPlaceTable(
  { build, read, write, name }: Database,
  here: ObjectStore,
  { place, own }: { readonly place: string; readonly own: boolean },
) {
  const { placeId, place: placeColumn } = objectsPlaces;
  const record = build.select({ placeId, place: placeColumn }).from(objectsPlaces);

  async function recorded(): Promise<RecordedPlace | null> {
    return (await read(() => get(record))) ?? null;
  }

  /** Throws InvalidInput where this process has other objects than the database. Writes nothing; before any are written `settle` is asked. */
  async function check(): Promise<void> {
    const row = await recorded();
    if (row === null || row.place === place) return;
    if ((await here.id()) !== row.placeId) throw otherPlace(row);
  }

  /**
   * The same for a process that will write objects: the first one records where they are. A place that was moved as a whole brings
   * its id along, and is recorded where it is now.
   */
  async function settle(): Promise<void> {
    const id = await here.id();
    let row = await recorded();
    if (row === null) {
      await refuseWithoutPictures();
      row = await write(() => recordedFirst(id ?? randomUUID()));
    }
    if (id === row.placeId) {
      if (row.place !== place) await write(() => replaced(id));
      return;
    }
    // Nobody wrote it there yet, or somebody deleted it.
    if (id === null && row.place === place) await here.setId(row.placeId);
    else throw otherPlace(row);
  }

  /** Records that the objects are here from now on, whatever was recorded before. */
  async function use(): Promise<void> {
    const id = (await here.id()) ?? randomUUID();
    await here.setId(id);
    await write(() => replaced(id));
  }

  function* recordedFirst(id: string): Work<RecordedPlace> {
    const row = { id: 1, placeId: id, place };
    yield* run(build.insert(objectsPlaces).values(row).onConflictDoNothing());
    return (yield* get(record))!;
  }

  function* replaced(placeId: string): Work<void> {
    yield* recordedFirst(placeId);
    yield* run(build.update(objectsPlaces).set({ placeId, place }).where(eq(objectsPlaces.id, 1)));
  }

  /** A database of an older version has pictures, and no record of where. */
  async function refuseWithoutPictures(): Promise<void> {
    const newest = await read(() =>
      all(
        build
          .select({ sha256: artifacts.sha256 })
          .from(artifacts)
          .where(eq(artifacts.modality, 'image'))
          .orderBy(desc(artifacts.id))
          .limit(PROOFS),
      ),
    );
    for (const { sha256 } of newest) if ((await here.size(sha256)) !== null) return;
    if (newest.length === 0) return;
    throw new PanicError(
      'InvalidInput',
      `the newest pictures of ${name} are not in ${place}, where this process would keep more; ${remedy()}`,
    );
  }

  function otherPlace(row: RecordedPlace): PanicError {
    return new PanicError(
      'InvalidInput',
      `pictures of ${name} are kept in ${row.place}, and this process would keep them in ${place}${own ? ', since PANIC_TDA_OBJECTS is not set' : ''}; ${remedy()}`,
    );
  }

  return { recorded, check, settle, use };
}

function remedy(): string {
  return 'set PANIC_TDA_OBJECTS to where they are, or, where they were copied to this place ("panic-tda objects copy"), say so with "panic-tda objects use"';
}

/** Of the pictures that rows mention: how many there are, and how many a place lacks, with their bytes. */
export async function missingPictures(
  { snapshot }: Pick<Database, 'snapshot'>,
  objects: ObjectStore,
): Promise<{ readonly pictures: number; readonly missing: number; readonly missingBytes: number }> {
  const rows = await snapshot();
  try {
    const listing = objects.list()[Symbol.asyncIterator]();
    let there = await listing.next();
    let pictures = 0;
    let missing = 0;
    let missingBytes = 0;
    // Both in the order of their digests.
    for await (const { sha256, byteLength } of rows.rows<{ sha256: Buffer; byteLength: number }>(
      `select sha256, byte_length as "byteLength" from artifacts where modality = 'image' order by sha256`,
    )) {
      pictures++;
      while (there.done !== true && Buffer.compare(there.value.sha256, sha256) < 0)
        there = await listing.next();
      if (there.done !== true && there.value.sha256.equals(sha256)) continue;
      missing++;
      missingBytes += byteLength;
    }
    return { pictures, missing, missingBytes };
  } finally {
    await rows.close();
  }
}
