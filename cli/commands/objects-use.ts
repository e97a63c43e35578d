import { missingPictures } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { count, plural } from '../terminal/format.js';
import { withWritableStore } from '../session/open-for-writing.js';
import { print, printJson } from '../terminal/output.js';

/** `objects use`: records that the pictures of the database are where this machine has its objects. */
export async function usePlace(
  context: Context,
  { incomplete, takeOver }: { readonly incomplete: boolean; readonly takeOver: boolean },
): Promise<number> {
  return await withWritableStore(context, async (store) => {
    const { objects, objectsPlace, db } = store;
    await objects.check();
    if (!takeOver) await objectsPlace.refuseOther();
    const { pictures, missing } = await missingPictures(db, objects);
    if (missing > 0 && !incomplete) {
      throw new PanicError(
        'InvalidInput',
        `${count(missing)} of ${plural(pictures, 'picture')} of ${db.name} are not in ${objects.root}; copy them first ("${context.command('objects', 'copy', '--to', objects.root)}" where they are), or give --incomplete. Nothing was done.`,
      );
    }
    await objectsPlace.use({ takeOver });
    const { place } = (await objectsPlace.recorded())!;
    if (context.json) printJson({ place, pictures, missing });
    else {
      const lack =
        missing === 0
          ? ''
          : `; ${count(missing)} are missing, and "${context.command('doctor', '--fix')}" computes them again`;
      print(`${plural(pictures, 'picture')} of ${db.name}: kept in ${place} from now on${lack}.`);
    }
    return EXIT.ok;
  });
}
