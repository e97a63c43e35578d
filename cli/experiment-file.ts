import type { ExperimentConfig } from '../experiment/config.js';
import { PanicError } from '../experiment/errors.js';
import { formatProblems, readExperimentFile } from '../experiment/index.js';
import type { Context } from './context.js';

/** Reads and validates an experiment file; throws InvalidInput with every problem of it. */
export async function readValidExperiment(file: string, context: Context): Promise<ExperimentConfig> {
  const validated = await readExperimentFile(file, context.catalogue);
  if (!validated.ok)
    throw new PanicError('InvalidInput', formatProblems(validated.problems, validated.source));
  return validated.config;
}
