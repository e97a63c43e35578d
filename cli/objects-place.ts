import { openObjects } from '../db/index.js';
import type { Context } from './context.js';
import { note } from './output.js';

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
