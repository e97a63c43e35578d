import { openObjects } from '../db/index.js';
import type { Store } from '../db/index.js';
import type { Context } from './context.js';
import { note } from './terminal/output.js';

/** Warns that the pictures belong to another database. That one may delete or change them without notice. */
export async function warnOfOtherOwner({ objectsPlace }: Store): Promise<void> {
  const found = await objectsPlace.belonging();
  if (found.to === 'another database') note(`Warning: ${found.told}.`);
}

/**
 * Writes to and reads from the place that PANIC_TDA_OBJECTS names, before any work begins. The objects of a
 * data folder are checked together with the folder.
 * @throws PanicError `InvalidInput` if the place refuses, `StoreUnavailable` if it does not answer.
 */
export async function proveObjectsPlace({ environment, folder }: Context): Promise<void> {
  if (environment.objects === null) {
    if (environment.database !== null) {
      note(
        `Pictures are kept in ${folder.objects}, on this machine. Where several machines work on this database, PANIC_TDA_OBJECTS names a place that they share.`,
      );
    }
    return;
  }
  const objects = openObjects(environment.objects);
  try {
    await objects.check();
  } finally {
    objects.close();
  }
}
