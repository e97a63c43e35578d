import type { AnalysedModel, AnalysedNetwork } from '../analysis/model-analysis.js';
import { leftOutText } from '../analysis/chosen-runs.js';
import { plural, table } from '../terminal/format.js';
import { heading } from '../terminal/output.js';
import { figure, testsText, warningsOf, type RunAnalysis } from './run-analysis.js';

const PAIR_NAMES = {
  identical: 'same prompt, other seed',
  same_seed: 'same seed, other prompt',
  paraphrase: 'prompts of one group',
  distant: 'prompts of two groups',
} as const;

/** What `analyse runs` prints. */
export function runAnalysisText(analysis: RunAnalysis): string {
  const { chosen, horizon, models, tests } = analysis;
  const warnings = warningsOf(analysis);
  return [
    `${heading(`Runs of ${plural(chosen.experiments.length, 'experiment')}`)}: ${plural(chosen.runs.length, 'finished run')}, horizon ${plural(horizon, 'invocation')}`,
    ...(chosen.leftOut.length === 0 ? [] : [`Left out:\n${leftOutText(chosen.leftOut)}`]),
    ...models.map(modelText),
    `${heading('Tests')}\n${testsText(tests)}`,
    ...(warnings.length === 0
      ? []
      : [`${heading('To know')}\n${warnings.map((line) => `  ${line}`).join('\n')}`]),
  ].join('\n\n');
}

function modelText({ model, networks, absorption }: AnalysedModel): string {
  return [
    heading(`Embedding model ${model.name} (${plural(model.dimension, 'dimension')})`),
    ...networks.map(networkText),
    absorptionText(absorption),
  ].join('\n\n');
}

function networkText(network: AnalysedNetwork): string {
  const { runs, steps, convergence } = network;
  const reasons = [
    ...network.divergence.flatMap(({ kind, reason }) =>
      reason === null ? [] : [`${PAIR_NAMES[kind]}: ${reason}`],
    ),
    ...convergence.reasons,
  ];
  return [
    `${network.network}: ${plural(runs.length, 'run')}, ${plural(convergence.prompts, 'prompt')}, ${plural(steps, 'step')}`,
    divergenceText(network),
    convergenceText(network),
    ...reasons.map((reason) => `  - ${reason}`),
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function divergenceText({ divergence }: AnalysedNetwork): string {
  const rows = divergence.flatMap(({ kind, found }) =>
    found === null
      ? []
      : [
          [
            `  ${PAIR_NAMES[kind]}`,
            String(found.pairCount),
            figure(found.curve[0]),
            figure(found.saturation),
            figure(found.early.exponent),
            String(found.early.window),
            figure(found.relaxation?.relaxationSteps),
          ],
        ],
  );
  if (rows.length === 0) return '';
  const titles = [
    '  divergence of',
    'pairs',
    'at first',
    'saturated',
    'early exponent',
    'its steps',
    'relaxation',
  ];
  return table([titles, ...rows], [1, 2, 3, 4, 5, 6]);
}

function convergenceText({ convergence: { curves } }: AnalysedNetwork): string {
  if (curves === null) return '';
  const last = curves.steps.length - 1;
  const rows = [
    ['  distance within a prompt', figure(curves.within?.[0]), figure(curves.within?.[last])],
    ['  distance between prompts', figure(curves.between?.[0]), figure(curves.between?.[last])],
    ['  prompts recovered', figure(curves.recovered?.[0]), figure(curves.recovered?.[last])],
  ];
  const lines = table([['  convergence', 'at first', 'at last'], ...rows], [1, 2]);
  return `${lines}\n  chance level of recovery ${figure(curves.chance)}, half-life ${figure(curves.halfLife)} steps`;
}

function absorptionText({ networks, horizonSteps }: AnalysedModel['absorption']): string {
  const rows = networks.map(({ network, runs, absorbed, curve }) => [
    `  ${network}`,
    String(runs),
    String(absorbed),
    figure(curve.median),
    figure(curve.survival.at(-1) ?? 1),
  ]);
  const titles = ['  exact cycles', 'runs', 'in one', 'median step', 'still free'];
  return `${table([titles, ...rows], [1, 2, 3, 4])}\n  observed for ${plural(horizonSteps, 'step')}`;
}
