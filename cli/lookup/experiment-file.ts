import type { ExperimentConfig } from '../../experiment/config.js';
import { isPanicError, PanicError } from '../../common/errors.js';
import { experimentId } from '../../experiment/ids.js';
import { formatProblems, readExperimentFile } from '../../experiment/index.js';
import type { Context } from '../context.js';
import { readingStore } from '../context.js';

/**
 * Reads and validates an experiment file.
 * @throws PanicError `InvalidInput` with every problem of the file.
 */
export async function readValidExperiment(file: string, context: Context): Promise<ExperimentConfig> {
  const validated = await readExperimentFile(file, context.catalogue);
  if (!validated.ok)
    throw new PanicError('InvalidInput', formatProblems(validated.problems, validated.source));
  return validated.config;
}

/**
 * Like `readValidExperiment`, except that a stored experiment may name models that the catalogue no longer has.
 * Its remaining work may not call them.
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
    // The store has tables of an older version. Refuse the file by its own problems.
    if (isPanicError(error, 'InvalidInput')) return false;
    throw error;
  }
}
