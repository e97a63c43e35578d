import type { ExperimentConfig } from '../../experiment/config.js';
import { isPanicError, PanicError } from '../../common/errors.js';
import { experimentId } from '../../experiment/ids.js';
import { formatProblems, readExperimentFile } from '../../experiment/index.js';
import type { Context } from '../context.js';
import { readingStore } from '../context.js';

/** Reads and validates an experiment file; throws InvalidInput with every problem of it. */
export async function readValidExperiment(file: string, context: Context): Promise<ExperimentConfig> {
  const validated = await readExperimentFile(file, context.catalogue);
  if (!validated.ok)
    throw new PanicError('InvalidInput', formatProblems(validated.problems, validated.source));
  return validated.config;
}

/**
 * The same, but an experiment that is stored already may name models that the catalogue has not any more: what is left of it may
 * not call them.
 */
export async function readStoredOrValidExperiment(file: string, context: Context): Promise<ExperimentConfig> {
  const validated = await readExperimentFile(file, context.catalogue);
  if (validated.ok) return validated.config;
  const { ifStored } = validated;
  if (ifStored !== undefined && (await isStored(context, experimentId(ifStored)))) return ifStored;
  throw new PanicError('InvalidInput', formatProblems(validated.problems, validated.source));
}

async function isStored(context: Context, id: string): Promise<boolean> {
  try {
    return await readingStore(
      context,
      async (store) => store !== null && (await store.experiments.find(id)) !== null,
    );
  } catch (error) {
    // A store of an older version: the file is refused as it is.
    if (isPanicError(error, 'InvalidInput')) return false;
    throw error;
  }
}
