import { errorMessage, isPanicError, PanicError } from '../common/errors.js';
import type { Model } from '../experiment/model.js';
import { FilesChanged } from './files/model-files.js';

/**
 * Reads something of a model's files. An error that is no PanicError becomes PanicError `ModelFilesMissing`, with
 * the command that compares the files with those that were pulled. PanicErrors pass.
 *
 * @param what Completes "cannot read ...": a path, or what is in it.
 */
export async function readModelFiles<T>(model: Model, what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FilesChanged || (isPanicError(error) && error.kind !== 'ModelFilesMissing'))
      throw error;
    const message = errorMessage(error);
    throw new PanicError(
      'ModelFilesMissing',
      `${model.name} cannot read ${what}: ${message}\nCompare its files with what was pulled: panic-tda models verify ${model.name}`,
      { cause: error },
    );
  }
}
