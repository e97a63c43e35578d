import { MAX_DIAGRAM_POINTS, type ExperimentConfig } from './config.js';
import { modelOfKind } from './model.js';
import type { Catalogue } from './model.js';
import { mostPoints } from './plan.js';
import { pathText, problem, type Problem } from '../common/problems.js';

/**
 * Networks whose runs certainly end with more points than a surrogate can have. A surrogate has all points of
 * its run, repeats included. A run that may end in a cycle may stay below the limit, so the check accepts it.
 */
export function surrogatePointProblems(config: ExperimentConfig, catalogue: Catalogue): Problem[] {
  if (config.null_model === null) return [];
  const embedded = config.embedding_models.flatMap((name) => catalogue.get(name)?.input ?? []);
  return config.networks.flatMap((network, index) => {
    const points = mostPoints({ networks: [network], max_length: config.max_length }, embedded, catalogue);
    if (points <= MAX_DIAGRAM_POINTS || mayEndInCycle(network, config, catalogue)) return [];
    const [found, allowed] = [points, MAX_DIAGRAM_POINTS].map((count) => count.toLocaleString('en'));
    return [
      problem(
        pathText(['networks', index]),
        `${found} points in a run of max_length ${config.max_length.toLocaleString('en')}, with a null_model`,
        `at most ${allowed} points, of which surrogates can be made: a lower max_length, or null_model null`,
      ),
    ];
  });
}

/** Whether every run of the network may be shorter than max_length. */
function mayEndInCycle(network: readonly string[], config: ExperimentConfig, catalogue: Catalogue): boolean {
  const deterministic = network.every(
    (name) => modelOfKind(catalogue, name, 'generative')?.deterministic === true,
  );
  return deterministic && config.on_cycle === 'stop' && config.seeds.every((seed) => seed >= 0);
}
