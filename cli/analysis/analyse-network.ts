import {
  convergence,
  type Convergence,
  type Design,
  divergence,
  type Divergence,
  endPoints,
  energy,
  permanova,
  permdisp,
  pointDistances,
  type PairKind,
  runPairs,
} from '../../analysis/index.js';
import type { LoadedNetwork } from './load-network.js';
import { numbered } from './network-runs.js';
import type { FamilyTest } from './test-family.js';

/** What runs of one network have in common, under one embedding model. */
export interface NetworkAnalysis {
  readonly divergence: readonly KindOfPairs[];
  readonly convergence: PromptConvergence;
  readonly tests: readonly FamilyTest[];
}

export interface KindOfPairs {
  readonly kind: PairKind['kind'];
  readonly found: Divergence | null;
  /** Why `found` is null. */
  readonly reason: string | null;
}

export interface PromptConvergence {
  readonly prompts: number;
  readonly curves: Convergence | null;
  /** Why a curve, or all of them, are null; a sentence each. */
  readonly reasons: readonly string[];
}

export interface NetworkOptions {
  readonly model: string;
  /** The group of each prompt; null without `--groups`. */
  readonly groupOf: ReadonlyMap<string, string> | null;
  readonly signal: AbortSignal;
  /** Called before each stage with its name. */
  readonly onStage: (stage: Stage) => void;
}

export type Stage = 'divergence' | 'convergence' | 'tests';

/** Compares the runs of a network: pairs over time, prompts over time, and where the prompts end. */
export async function analyseNetwork(
  loaded: LoadedNetwork,
  { model, groupOf, signal, onStage }: NetworkOptions,
): Promise<NetworkAnalysis> {
  const trajectories = loaded.runs.map(({ trajectory }) => trajectory);
  const prompts = numbered(loaded.runs.map(({ run }) => run.prompt));
  const design: Design = { groups: prompts.numbers };
  onStage('divergence');
  const kinds: KindOfPairs[] = [];
  for (const kind of kindsOf(groupOf)) {
    const labels = loaded.runs.map(({ run }) => ({ ...run, network: loaded.network }));
    const pairs = runPairs(labels, kind);
    const found = await divergence(trajectories, pairs, { signal });
    kinds.push({
      kind: kind.kind,
      found,
      reason: found === null ? noPairs(kind.kind, pairs.first.length) : null,
    });
  }
  onStage('convergence');
  const curves = await convergence(trajectories, design, { signal });
  onStage('tests');
  const tests = await endTests(loaded, prompts, { model, signal });
  return {
    divergence: kinds,
    convergence: {
      prompts: prompts.names.length,
      curves,
      reasons: reasonsOf(curves, loaded, prompts.names.length),
    },
    tests,
  };
}

function kindsOf(groupOf: ReadonlyMap<string, string> | null): PairKind[] {
  const always: PairKind[] = [{ kind: 'identical' }, { kind: 'same_seed' }];
  return groupOf === null
    ? always
    : [...always, { kind: 'paraphrase', groupOf }, { kind: 'distant', groupOf }];
}

const NO_PAIR: Readonly<Record<PairKind['kind'], string>> = {
  identical: 'no prompt has two runs of different seeds',
  same_seed: 'no two prompts have runs of one fixed seed',
  paraphrase: 'no group of the groups file has runs of two prompts',
  distant: 'no two groups of the groups file have runs',
};

function noPairs(kind: PairKind['kind'], pairs: number): string {
  return pairs === 0 ? NO_PAIR[kind] : 'there is one step; a divergence needs two';
}

function reasonsOf(curves: Convergence | null, { runs }: LoadedNetwork, prompts: number): string[] {
  if (curves === null) return ['a run has no step'];
  if (runs.length === 1) return ['there is one run, and nothing to compare it with'];
  const reasons: string[] = [];
  if (curves.within === null) reasons.push('no prompt has two runs, so there is no distance within a prompt');
  if (prompts === 1)
    reasons.push('there is one prompt, so there is no distance between prompts, and no prompt to recover');
  if (curves.halfLife === null && prompts > 1) {
    const start = curves.recovered?.[0] ?? 0;
    reasons.push(
      start <= (curves.chance ?? 0)
        ? 'recovery has no half-life: it begins at chance or below'
        : 'recovery has no half-life: it never loses half of what it has above chance',
    );
  }
  return reasons;
}

async function endTests(
  { network, runs }: LoadedNetwork,
  prompts: ReturnType<typeof numbered>,
  { model, signal }: Pick<NetworkOptions, 'model' | 'signal'>,
): Promise<FamilyTest[]> {
  const shared = { model, network, compares: 'prompts, by the places where runs end' };
  const untestable = untestablePrompts(prompts);
  const points = endPoints(
    runs.map(({ trajectory }) => trajectory),
    runs.map(({ cycle }) => cycle),
  );
  const reason = untestable ?? (points === null ? 'a run has no step' : null);
  if (reason !== null || points === null) {
    return ['PERMANOVA', 'PERMDISP', 'energy'].map((statistic) => ({
      ...shared,
      statistic,
      value: null,
      test: null,
      reason,
    }));
  }
  const distances = await pointDistances(points, { signal });
  const design: Design = { groups: prompts.numbers };
  const place = await permanova(distances, design, { signal });
  const spread = await permdisp(distances, design, { signal });
  const any = await energy(distances, design, { signal });
  return [
    { ...shared, statistic: 'PERMANOVA', value: place.pseudoF, test: place.test, reason: place.reason },
    { ...shared, statistic: 'PERMDISP', value: spread.pseudoF, test: spread.test, reason: spread.reason },
    { ...shared, statistic: 'energy', value: any.statistic, test: any.test, reason: any.reason },
  ];
}

/** Why prompts cannot be compared, with the name of a prompt; null if they can. */
function untestablePrompts({ numbers, names }: ReturnType<typeof numbered>): string | null {
  if (numbers.length === 1) return 'there is one run';
  if (names.length === 1) return 'there is one prompt; a test compares at least two';
  const sizes = new Uint32Array(names.length);
  for (const number of numbers) sizes[number]!++;
  const alone = sizes.indexOf(1);
  return alone === -1
    ? null
    : `the prompt ${JSON.stringify(names[alone])} has one run; a test needs two runs of each prompt, so add a seed`;
}
