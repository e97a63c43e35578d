import { PanicError } from '../../common/errors.js';
import { isPackaged, plannedRemoval, removeModel, type Removal } from '../../models/index.js';
import { readRunInfo } from '../../workers/settings/data-folder.js';
import { readingStore } from '../context.js';
import type { Context } from '../context.js';
import { confirmed } from '../terminal/confirm.js';
import { EXIT } from '../program/exit-codes.js';
import { findModel } from '../lookup/find-model.js';
import { bytes, plural } from '../terminal/format.js';
import { note, print, printJson } from '../terminal/output.js';

/** `models remove NAME`: deletes the files that the lock file lists for a model, and its entry. */
export async function removeFiles(
  context: Context,
  name: string,
  options: { readonly yes: boolean },
): Promise<number> {
  const { modelsFolder } = context.environment;
  const model = findModel(context, name);
  if (isPackaged(model)) {
    throw new PanicError(
      'InvalidInput',
      `the files of ${name} are part of panic-tda; they go when it is uninstalled`,
    );
  }
  const removal = plannedRemoval(model, modelsFolder);
  if (removal === null) {
    throw new PanicError(
      'InvalidInput',
      `the lock file has no files of ${name}; what was put there by hand and never verified is yours to delete`,
    );
  }
  await refuseWhileRunning(context, name);
  const what = described(name, removal);
  if (!options.yes && !(await confirmed(what))) {
    note('Nothing was removed.');
    return EXIT.badInput;
  }
  await removeModel(model, modelsFolder, removal);
  if (context.json) printJson({ name, removed: removal.files, bytes: removal.bytes });
  else print(`Done: ${what}.`);
  return EXIT.ok;
}

function described(name: string, { files, bytes: size, folder }: Removal): string {
  return files.length === 0
    ? `forget the files of ${name} in ${folder} (they stay where they are)`
    : `remove ${plural(files.length, 'file')} of ${name}, ${bytes(size)}, from ${folder}`;
}

/**
 * Refuses while the experiment that runs in this data folder uses the model. Runs in other data folders are
 * found by the models that they have loaded.
 */
async function refuseWhileRunning(context: Context, name: string): Promise<void> {
  const running = readRunInfo(context.folder)?.experiment;
  if (running === undefined) return;
  await readingStore(context, async (store) => {
    const config = (await store?.experiments.find(running))?.config;
    if (config === undefined || ![...config.networks.flat(), ...config.embedding_models].includes(name))
      return;
    throw new PanicError('InvalidInput', `experiment ${running} is running and uses ${name}; stop it first`);
  });
}
