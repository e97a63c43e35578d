import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { experimentId, validateExperiment } from '../../experiment/index.js';
import { loadCatalogue } from '../../models/index.js';
import type { RoundPlan } from './plan.js';

export interface WrittenExperiment {
  readonly id: string;
  readonly file: string;
}

/**
 * Writes the experiments of a round as files. Throws if one of them is not valid, which is a bug of the plan.
 */
export async function writeExperiments(
  { experiments }: RoundPlan,
  folder: string,
): Promise<WrittenExperiment[]> {
  const catalogue = await loadCatalogue({ modelsFolder: folder, testModels: true, catalogueFile: undefined });
  return experiments.map((experiment, index) => {
    const validated = validateExperiment(experiment, catalogue);
    if (!validated.ok) {
      throw new Error(`${experiment.name} is not valid: ${JSON.stringify(validated.problems)}`);
    }
    const file = join(folder, `experiment-${index}.json`);
    writeFileSync(file, JSON.stringify(experiment, null, 1));
    return { id: experimentId(validated.config), file };
  });
}
