import { expect } from '@jest/globals';
import { isPanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { openFolder } from '../../models/files/model-files.js';
import { type LoadedModel, type LoadTask, UNOPENED } from '../../models/loaded-model.js';
import { loadModel } from '../../models/loaders.js';
import { NothingComputes } from '../../models/onnx/session.js';
import { openForOneThread } from './one-thread.js';

openForOneThread();

/**
 * Loads the model of a folder as its process does, and expects that a check of its files alone gives the same
 * result: nothing, or the same fault. With `trial`, the load may also find a fault that only an opened graph shows.
 */
export async function lookAndLoad(model: Model, folder: string, trial = false): Promise<LoadedModel> {
  const on = async (device: LoadTask['device']): Promise<LoadedModel> =>
    await loadModel({ model, files: await openFolder(model, folder), device });
  const look = await on(UNOPENED).catch((error: unknown) => error);
  const [loaded] = await Promise.allSettled([on('cpu')]);
  if (loaded.status === 'fulfilled') {
    expect(look).toBeInstanceOf(NothingComputes);
    return loaded.value;
  }
  const found: unknown = loaded.reason;
  // The runtime has its own words for damaged files.
  if (isPanicError(found, 'ModelFilesMissing')) expect(look).toMatchObject({ kind: found.kind });
  else if (trial) expect(look).toBeInstanceOf(NothingComputes);
  else expect(look).toEqual(found);
  throw found;
}
