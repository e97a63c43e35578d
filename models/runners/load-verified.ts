import { FilesChanged, type ModelFiles, openModelFiles } from '../files/model-files.js';
import type { ResolvedFiles } from '../files/resolve.js';
import type { LoadedModel, LoadTask } from '../loaded-model.js';
import { loadModel } from '../loaders.js';

const ATTEMPTS = 3;

/**
 * Finds a model's verified files and loads them. Where the files are touched meanwhile (a second name for one of
 * them, for another model, does that), it does both again, three times in all. Throws as `find` and `loadModel`.
 */
export async function loadVerified(
  { model, device }: Omit<LoadTask, 'files'>,
  find: () => Promise<ResolvedFiles>,
): Promise<{ readonly loaded: LoadedModel; readonly files: ModelFiles }> {
  for (let attempt = 1; ; attempt++) {
    const files = openModelFiles(model, await find());
    try {
      return { loaded: await loadModel({ model, files, device }), files };
    } catch (error) {
      if (!(error instanceof FilesChanged) || attempt === ATTEMPTS) throw error;
    }
  }
}
