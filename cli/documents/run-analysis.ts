import { ANALYSIS_REVISION } from '../../analysis/index.js';
import type { Chosen } from '../analysis/chosen-runs.js';
import type { AnalysedModel, AnalysedNetwork } from '../analysis/model-analysis.js';
import type { AdjustedTest } from '../analysis/test-family.js';
import { horizonWarnings } from './horizon-warnings.js';
import { excerpt, plural, table } from '../terminal/format.js';

/** What `analyse runs` found, for people and for JSON. */
export interface RunAnalysis {
  readonly chosen: Chosen;
  readonly horizon: number;
  readonly models: readonly AnalysedModel[];
  readonly tests: readonly AdjustedTest[];
}

/** The document of `--json`. Curves have a number for each step from 0. */
export function runAnalysisDocument({ chosen, horizon, models, tests }: RunAnalysis): object {
  return {
    analysis: 'runs',
    revision: ANALYSIS_REVISION,
    horizonInvocations: horizon,
    experiments: chosen.experiments.map(({ id, name }) => ({ experiment: id, name })),
    leftOut: chosen.leftOut,
    models: models.map(modelDocument),
    tests,
    warnings: warningsOf({ chosen, horizon, models, tests }),
  };
}

function modelDocument({ model, networks, absorption, factors, runsWithoutNumbers }: AnalysedModel): object {
  return {
    model: model.name,
    dimension: model.dimension,
    networks: networks.map(networkDocument),
    absorption: {
      horizonSteps: absorption.horizonSteps,
      networks: absorption.networks.map(({ curve, ...told }) => ({
        ...told,
        median: curve.median,
        at: [...curve.at],
        survival: [...curve.survival],
        atRisk: [...curve.atRisk],
      })),
    },
    runsWithoutNumbers,
    factors: factors.map(({ statistic, found, runsWithout }) => {
      // Both tests are among the tests of the call.
      const { networkTest: _, promptTest: __, ...told } = found;
      return { statistic, runsWithout, ...told };
    }),
  };
}

function networkDocument({
  network,
  askedSteps,
  steps,
  cutBy,
  runs,
  divergence,
  convergence,
}: AnalysedNetwork): object {
  const { curves } = convergence;
  return {
    network,
    askedSteps,
    steps,
    cutBy: cutBy === null ? null : { experiment: cutBy.experiment, run: cutBy.index },
    runs: runs.map(({ run, ...told }) => ({
      experiment: run.experiment,
      run: run.index,
      prompt: run.prompt,
      seed: run.seed,
      drawnSeed: run.drawnSeed,
      invocations: run.length,
      ...told,
    })),
    divergence: divergence.map(({ kind, found, reason }) => ({
      pairs: kind,
      reason,
      pairCount: found?.pairCount ?? 0,
      saturation: found?.saturation ?? null,
      early: found?.early ?? null,
      relaxation: found?.relaxation ?? null,
      ftleUpstream: found?.ftleUpstream ?? null,
      curve: found === null ? null : [...found.curve],
    })),
    convergence: {
      prompts: convergence.prompts,
      chance: curves?.chance ?? null,
      halfLife: curves?.halfLife ?? null,
      within: listOf(curves?.within),
      between: listOf(curves?.between),
      recovered: listOf(curves?.recovered),
      reasons: convergence.reasons,
    },
  };
}

function listOf(values: Float64Array | null | undefined): number[] | null {
  return values == null ? null : [...values];
}

/** What a reader must know before the figures: a sentence each. */
export function warningsOf({ models, tests }: RunAnalysis): string[] {
  return [...models.flatMap(modelWarnings), ...testWarnings(tests)];
}

function modelWarnings({ model, networks, runsWithoutNumbers }: AnalysedModel): string[] {
  const runs = networks.flatMap((network) => network.runs);
  const lengths = runs.map(({ storedSteps }) => storedSteps);
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  return [
    ...networks.flatMap((network) =>
      horizonWarnings(`${network.network} under ${model.name}`, network, network.runs),
    ),
    ...(runsWithoutNumbers === 0
      ? []
      : [
          `${model.name}: the store has no numbers of the trajectories of ${runsWithoutNumbers} of ${plural(runs.length, 'run')}; "panic-tda doctor --fix" computes them.`,
        ]),
    ...(least === most
      ? []
      : [
          `${model.name}: the numbers of single runs describe ${least} to ${plural(most, 'step')}, as far as each run went; numbers that depend on the length differ by that alone.`,
        ]),
  ];
}

/** Which p-values cannot be smaller, and why: a sentence for each reason. */
export function testWarnings(tests: readonly AdjustedTest[]): string[] {
  const made = tests.filter(({ p }) => p !== null);
  return [true, false].flatMap((isExact) => {
    const atFloor = made.filter((test) => test.atFloor === true && test.isExact === isExact);
    if (atFloor.length === 0) return [];
    const highest = figure(Math.max(...atFloor.map(({ floor }) => floor ?? 0)));
    const which = `${atFloor.length} of ${plural(made.length, 'p-value')} ${atFloor.length === 1 ? 'is' : 'are'} at the floor`;
    return isExact
      ? [
          `${which}: these runs can be exchanged in so few ways that such a p cannot be smaller (floors up to ${highest}). Only more runs lower it.`,
        ]
      : [`${which} of ${highest}, which is that of the number of draws: no draw was as extreme as the runs.`];
  });
}

/** Three figures: `0.123`, `12.3`, `1.2e-5`. A dash for null. */
export function figure(value: number | null | undefined): string {
  if (value == null) return '-';
  if (value === 0 || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return value.toExponential(1);
  return value.toPrecision(3).replace(/\.0+$/, '');
}

const LONGEST_REASON = 60;

/** The tests of a call as a table. */
export function testsText(tests: readonly AdjustedTest[]): string {
  const rows = tests.map((test) => [
    `  ${test.statistic}`,
    test.model ?? '',
    test.network ?? 'all networks',
    figure(test.value),
    pText(test),
    figure(test.q),
    figure(test.holm),
    excerpt(test.reason ?? '', LONGEST_REASON),
  ]);
  return table([['  test', 'model', 'network', 'value', 'p', 'q', 'Holm', 'why not'], ...rows], [3, 4, 5, 6]);
}

/** A p-value, with a mark if no p of its test can be smaller. */
export function pText(test: AdjustedTest | undefined): string {
  return `${figure(test?.p)}${test?.atFloor === true ? ' (floor)' : ''}`;
}
