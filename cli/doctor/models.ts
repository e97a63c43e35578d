import { missingModelFiles, requiredFiles } from '../../models/index.js';
import type { Context } from '../context.js';
import { ok, warning } from './finding.js';
import type { Finding } from './finding.js';

/** Missing files are no problem of the installation: only experiments that name the model need them. */
export function* checkModels({ catalogue, environment, command }: Context): Generator<Finding> {
  const models = [...catalogue.values()];
  const builtIn = models.filter((model) => requiredFiles(model).length === 0);
  yield ok(`${builtIn.length} of ${models.length} models need no files`);
  for (const model of models) {
    const needed = requiredFiles(model).length;
    if (needed === 0) continue;
    const missing = missingModelFiles(model, environment.modelsFolder).length;
    yield missing === 0
      ? ok(`${model.name}: all ${needed} files are there`)
      : warning(
          `${model.name}: ${missing} of ${needed} files are missing; "${command('models', model.name)}" says which`,
        );
  }
}
