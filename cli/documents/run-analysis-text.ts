import type { AnalysedModel, AnalysedNetwork } from '../analysis/model-analysis.js';
import { NETWORKS, PROMPTS } from '../analysis/factor-analysis.js';
import type { AdjustedTest } from '../analysis/test-family.js';
import { leftOutText } from '../analysis/chosen-runs.js';
import { plural, table } from '../terminal/format.js';
import { heading } from '../terminal/output.js';
import { figure, pText, testsText, warningsOf, type RunAnalysis } from './run-analysis.js';

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
    ...models.map((model) => modelText(model, tests)),
    `${heading('Tests')}\n${testsText(tests.filter((test) => !isOfNumber(test)))}`,
    ...(warnings.length === 0
      ? []
      : [`${heading('To know')}\n${warnings.map((line) => `  ${line}`).join('\n')}`]),
  ].join('\n\n');
}

function modelText(analysed: AnalysedModel, tests: readonly AdjustedTest[]): string {
  const { model, networks, absorption } = analysed;
  return [
    heading(`Embedding model ${model.name} (${plural(model.dimension, 'dimension')})`),
    ...networks.map(networkText),
    absorptionText(absorption),
    ...factorsText(analysed, tests),
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

/** Tests of stored numbers stand in the table of factors. */
function isOfNumber({ compares }: AdjustedTest): boolean {
  return compares === NETWORKS || compares === PROMPTS;
}

function factorsText({ model, factors }: AnalysedModel, tests: readonly AdjustedTest[]): string[] {
  if (factors.length === 0) return [];
  const testOf = (statistic: string, compares: string): AdjustedTest | undefined =>
    tests.find((one) => one.model === model.name && one.statistic === statistic && one.compares === compares);
  const rows = factors.map(({ statistic, found: { runs, effects } }) => {
    const [network, prompt] = [testOf(statistic, NETWORKS), testOf(statistic, PROMPTS)];
    return [
      `  ${statistic}`,
      String(runs),
      figure(effects?.network.etaSquared),
      figure(effects?.prompt.etaSquared),
      figure(effects?.interaction.etaSquared),
      figure(effects?.residual?.etaSquared),
      pText(network),
      figure(network?.q),
      pText(prompt),
      figure(prompt?.q),
    ];
  });
  const titles = ['network', 'prompt', 'both', 'seed', 'p network', 'q', 'p prompt', 'q'];
  const lines = table(
    [['  shares of the variance', 'runs', ...titles], ...rows],
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  const reasons = new Set(
    tests.flatMap((one) =>
      one.model === model.name && isOfNumber(one) && one.reason !== null ? [one.reason] : [],
    ),
  );
  return [[lines, ...[...reasons].map((reason) => `  - no p: ${reason}`)].join('\n')];
}
