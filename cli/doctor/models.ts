import { explainUnready, readinessOf, readLock, requiredFiles } from '../../models/index.js';
import type { Context } from '../context.js';
import { info, ok, problem, warning } from './finding.js';
import type { Finding } from './finding.js';

/** Missing files are no problem of the installation: only experiments that name the model need them. */
export function* checkModels(context: Context): Generator<Finding> {
  const { catalogue, catalogueProblems, environment, command } = context;
  for (const sentence of catalogueProblems) yield problem(sentence);
  if (catalogueProblems.length > 0) return;
  const models = [...catalogue.values()];
  const builtIn = models.filter((model) => requiredFiles(model).length === 0);
  yield ok(`${builtIn.length} of ${models.length} models need no files`);
  const lock = readLock(environment.modelsFolder);
  const absent: string[] = [];
  for (const model of models) {
    const readiness = readinessOf(model, environment.modelsFolder, lock);
    if (readiness.state === 'built-in') continue;
    const needed = requiredFiles(model).length;
    if (readiness.state === 'ready') yield ok(`${model.name}: all ${needed} files are there and verified`);
    else if (readiness.state === 'missing') absent.push(model.name);
    else yield warning(explainUnready([{ model, readiness }], command));
  }
  if (absent.length > 0) {
    yield info(`not on this machine: ${absent.join(', ')}; "${command('models', 'pull', 'NAME')}" gets one`);
  }
}
