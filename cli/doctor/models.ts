import {
  askServers,
  explainUnready,
  isServed,
  readinessOf,
  readLock,
  requiredFiles,
} from '../../models/index.js';
import { assertNever } from '../../common/errors.js';
import { plural } from '../terminal/format.js';
import type { AskedServer } from '../../models/index.js';
import type { Context } from '../context.js';
import { info, ok, problem, warning } from './finding.js';
import type { Finding } from './finding.js';

/**
 * Missing files and servers that do not answer are no problems of the installation: only experiments that name
 * the model need them.
 */
export async function* checkModels(context: Context): AsyncGenerator<Finding> {
  const { catalogue, catalogueProblems, environment, command } = context;
  for (const sentence of catalogueProblems) yield problem(sentence);
  if (catalogueProblems.length > 0) return;
  const models = [...catalogue.values()];
  const served = models.filter(isServed);
  const builtIn = models.filter((model) => !isServed(model) && requiredFiles(model).length === 0);
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
  if (served.length > 0) yield info(`${plural(served.length, 'model')} of servers, which are asked now`);
  for (const asked of await askServers(served, environment.servers)) yield serverFinding(asked);
}

function serverFinding({ model, server }: AskedServer): Finding {
  switch (server.state) {
    case 'listed':
      return ok(`${model.name}: its server answers, and lists it`);
    case 'without a list':
      return ok(`${model.name}: its server answers; it has no list of models, so the first call will tell`);
    case 'trouble':
      return warning(`${model.name}: ${server.why}`);
    default:
      return assertNever(server);
  }
}
