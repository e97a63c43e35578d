import { desc, eq, inArray } from 'drizzle-orm';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { PanicError } from '../../common/errors.js';
import { OBJECT_MODALITIES } from '../../experiment/modality.js';
import type { Database } from '../connection/database.js';
import { OBJECTS_FOLDER } from '../layout.js';
import { OWNER_NAME } from './object-store.js';
import type { ObjectStore } from './object-store.js';
import { isSameInstance, ownerIn, ownerText } from './owner.js';
import type { Owner } from './owner.js';
import { artifacts, databases, objectsPlaces } from '../schema.js';
import { hasObject } from '../tables/has-object.js';
import { all, get, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/** The place of a database's objects, as the database records it. */
export interface RecordedPlace {
  readonly placeId: string;
  /** The address of the place, or `OWN_PLACE`. It counts as long as the place has no id of its own. */
  readonly place: string;
}

export type ObjectsPlaceTable = ReturnType<typeof objectsPlaceTable>;

/**
 * The text that rows record instead of an address, if the objects are in the data folder of their database.
 * Stored rows have it, so it never changes.
 */
export const OWN_PLACE = `the folder "${OBJECTS_FOLDER}" of its data folder`;

/**
 * The number of existing pictures that a place must have before it counts as the place of a database that has
 * pictures.
 */
const PROOFS = 3;

/** The database to which the objects of a place belong. */
export type Belonging =
  | { readonly to: 'this database' }
  /** No process that writes has recorded a database. */
  | { readonly to: 'none' }
  /** `told` says that, and what to do, as a sentence without its end. */
  | { readonly to: 'another database'; readonly told: string };

/**
 * Makes sure that all processes of a database have its objects in one place, and that no other database has
 * its own there. `here` is the place that this process uses, `own` whether it uses it because no user named a
 * place, and `place` its name for people.
 */
export function objectsPlaceTable(
  { build, read, write, name, dialect, instance: instanceHere }: Database,
  here: ObjectStore,
  { place, own }: { readonly place: string; readonly own: boolean },
) {
  const { placeId, place: placeColumn } = objectsPlaces;
  /** The objects are a part of the data folder that has the database. */
  const isPart = own && dialect === 'sqlite';
  const record = build.select({ placeId, place: placeColumn }).from(objectsPlaces);

  async function recorded(): Promise<RecordedPlace | null> {
    return (await read(() => get(record))) ?? null;
  }

  /**
   * Throws InvalidInput if this process has other objects than the database. Writes nothing. Call `settle`
   * before the process writes an object.
   */
  async function check(): Promise<void> {
    const row = await recorded();
    if (row === null || row.place === place) return;
    if ((await here.id()) !== row.placeId) throw otherPlace(row);
  }

  /**
   * The same check for a process that will write objects. The first such process records the place in the
   * database, and the database in the place. A place that a user moved as a whole has its id still, and this
   * function records its new address. Returns a sentence if the place had a mark but no known database,
   * because older versions recorded only the mark.
   */
  async function settle(): Promise<string | null> {
    const id = await here.id();
    refuseElsewhere(id, await recorded());
    await refuseOther();
    if ((await recorded()) === null) {
      await refuseWithoutPictures();
      await write(() => recordedFirst(id ?? randomUUID()));
    }
    // Another process may have recorded another place meanwhile.
    const row = (await recorded())!;
    refuseElsewhere(id, row);
    if (id === null) await here.setId(row.placeId);
    else if (row.place !== place) await write(() => replaced(id));
    return (await claimed()) && id !== null && !isPart
      ? `The objects in ${place} belong to ${name} from now on; until now nothing said to which database.`
      : null;
  }

  /**
   * If the mark is missing, no process wrote it yet, or a user deleted it: then the place's address decides.
   */
  function refuseElsewhere(id: string | null, row: RecordedPlace | null): void {
    if (row === null || id === row.placeId || (id === null && row.place === place)) return;
    throw otherPlace(row);
  }

  /**
   * Records that the objects are here from now on, whatever the database recorded before; with `takeOver`
   * also if the place belongs to another database. Without it, that case throws InvalidInput.
   */
  async function use({ takeOver }: { readonly takeOver: boolean }): Promise<void> {
    if (!takeOver) await refuseOther();
    const id = (await here.id()) ?? randomUUID();
    await here.setId(id);
    if (takeOver) await here.setOwner(ownerText(await ownerNow()));
    else await claimed();
    await write(() => replaced(id));
  }

  /** The database to which these objects belong. */
  async function belonging(): Promise<Belonging> {
    if (isPart) return { to: 'this database' };
    const text = await here.owner();
    if (text === null) return { to: 'none' };
    const owner = ownerIn(text, `${here.root}/${OWNER_NAME}`);
    const instance = await instanceHere(false);
    return instance !== null && isSameInstance(owner.instance, instance)
      ? { to: 'this database' }
      : { to: 'another database', told: await otherOwnerText(owner) };
  }

  /**
   * Throws InvalidInput if the objects belong to another database. Writes nothing, so a process that only
   * reads may call it.
   */
  async function refuseOther(): Promise<void> {
    const found = await belonging();
    if (found.to === 'another database') throw new PanicError('InvalidInput', found.told);
  }

  /**
   * For a process that deletes objects. Throws InvalidInput as `check` does, and if the objects are not known
   * to belong to this database. It claims nothing, because the first process that asks may work on a copy of
   * the database.
   */
  async function requireOwn(): Promise<void> {
    await check();
    await refuseOther();
    if ((await belonging()).to === 'this database') return;
    throw new PanicError(
      'InvalidInput',
      `nothing says to which database the objects in ${place} belong, so none is deleted there; the next worker of the database records it, and "panic-tda objects use" does: say so where ${name} is no copy of another database that has its pictures there`,
    );
  }

  /**
   * Makes sure that the place states its database. Returns whether it stated none before. Throws InvalidInput
   * if a process of another database was first.
   */
  async function claimed(): Promise<boolean> {
    const text = await here.owner();
    const owner = await ownerNow();
    if (isPart) {
      // Objects in a data folder go with the folder, so a copy of the folder owns its copy of them.
      if (
        text === null ||
        !isSameInstance(ownerIn(text, `${here.root}/${OWNER_NAME}`).instance, owner.instance)
      ) {
        await here.setOwner(ownerText(owner));
      }
      return text === null;
    }
    if (text === null) await here.claim(ownerText(owner));
    await refuseOther();
    return text === null;
  }

  async function ownerNow(): Promise<Owner> {
    const instance = (await instanceHere(true))!;
    const since = new Date().toISOString();
    return { format: 1, databaseId: await databaseId(), instance, database: databaseName(), since };
  }

  async function databaseId(): Promise<string> {
    const row = await read(() => get(build.select({ id: databases.databaseId }).from(databases)));
    if (row !== undefined) return row.id;
    throw new PanicError('InvalidInput', `${name} has no id; "panic-tda doctor" says what is wrong with it`);
  }

  function databaseName(): string {
    return dialect === 'sqlite' ? `${name} on ${hostname()}` : name;
  }

  async function otherOwnerText({ database, databaseId: id, since }: Owner): Promise<string> {
    const what = id === (await databaseId()) ? 'a copy of it, or was restored or moved' : 'another one';
    return (
      `the objects in ${place} belong to another database, ${database}, since ${since}: ${name} is ${what}. Nothing is written or deleted there. Give this one ` +
      'its own objects ("panic-tda objects copy", PANIC_TDA_OBJECTS, "panic-tda objects use"); or, where the other one is gone for good, "panic-tda objects use --take-over"'
    );
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

  /** A database of an older version has pictures, and no record of their place. */
  async function refuseWithoutPictures(): Promise<void> {
    const newest = await read(() =>
      all(
        build
          .select({ sha256: artifacts.sha256 })
          .from(artifacts)
          .where(inArray(artifacts.modality, OBJECT_MODALITIES))
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

  return { recorded, check, refuseOther, requireOwn, belonging, settle, use };
}

function remedy(): string {
  return 'set PANIC_TDA_OBJECTS to where they are, or, where they were copied to this place ("panic-tda objects copy"), say so with "panic-tda objects use"';
}

/** The number of pictures that rows mention, and the number and bytes of those that a place does not have. */
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
    // Both lists are in the order of their digests.
    for await (const { sha256, byteLength } of rows.rows<{ sha256: Buffer; byteLength: number }>(
      `select sha256, byte_length as "byteLength" from artifacts where ${hasObject()} order by sha256`,
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
