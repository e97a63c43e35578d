import { openObjects } from '../db/index.js';
import type { Store } from '../db/index.js';
import type { Context } from './context.js';
import { note } from './terminal/output.js';

/** Says where pictures are read that belong to another database: these may be gone or changed without this one hearing of it. */
export async function warnOfOtherOwner({ objectsPlace }: Store): Promise<void> {
  const found = await objectsPlace.belonging();
  if (found.to === 'another database') note(`Warning: ${found.told}.`);
}

/**
 * Writes to and reads from the place that PANIC_TDA_OBJECTS names, before any work is begun; a data folder's own objects
 * are looked at together with the folder. Throws InvalidInput where it refuses, StoreUnavailable where nobody answers.
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
