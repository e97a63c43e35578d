import { availableParallelism, totalmem } from 'node:os';
import { limitedCores, limitedMemoryBytes, usableCores } from '../../common/machine.js';
import { addressSpaceProblem } from '../../workers/processes/address-space.js';
import { configuredTemporal } from '../../workers/settings/temporal.js';
import { setVariables } from '../../workers/settings/variables.js';
import type { Context } from '../context.js';
import { bytes, plural } from '../terminal/format.js';
import { requiredNode } from '../program/package-info.js';
import { info, ok, problem, warning } from './finding.js';
import type { Finding } from './finding.js';

export function* checkNode(): Generator<Finding> {
  const has = process.versions.node;
  const wanted = requiredNode();
  yield isAtLeast(has, wanted)
    ? ok(`Node ${has} (${wanted} or later is needed)`)
    : problem(`Node ${has} is too old; install ${wanted} or later`);
  yield* checkLimits();
  const narrow = addressSpaceProblem(1 + usableCores());
  if (narrow === null) return;
  // With a configured Temporal service, the workers run elsewhere or have their own limits.
  yield configuredTemporal() === undefined ? problem(narrow) : warning(narrow);
}

/**
 * Names the part of the machine's memory and cores that a container or a systemd unit allows this process, if
 * that is not all.
 */
function* checkLimits(): Generator<Finding> {
  const [memory, cores] = [limitedMemoryBytes(), limitedCores()];
  const parts = [
    ...(memory === null ? [] : [`${bytes(memory)} of the ${bytes(totalmem())} of memory`]),
    ...(cores === null ? [] : [`the time of ${plural(cores, 'core')} of ${availableParallelism()}`]),
  ];
  if (parts.length > 0) yield info(`its control group allows this process ${parts.join(' and ')}`);
}

function isAtLeast(version: string, wanted: string): boolean {
  const [left, right] = [version, wanted].map((text) => text.split('.').map(Number));
  for (const [index, part] of (right ?? []).entries()) {
    const has = left?.[index] ?? 0;
    if (has !== part) return has > part;
  }
  return true;
}

export function* checkEnvironment({ environment, routes, routesProblems }: Context): Generator<Finding> {
  const problems = [...environment.problems, ...routesProblems];
  const set = setVariables();
  for (const { name, value, meaning } of set) yield info(`${name}=${value}  (${meaning})`);
  for (const sentence of problems) yield problem(sentence);
  for (const [model, route] of routes.byModel) yield info(`${model} has the route ${route} (${routes.file})`);
  if (problems.length === 0) {
    yield ok(set.length === 0 ? 'no variable of panic-tda is set' : 'every variable is understood');
  }
}
