import { ANALYSIS_REVISION } from '../../analysis/index.js';
import type { Chosen } from '../analysis/chosen-runs.js';
import type { AnalysedModel, AnalysedNetwork } from '../analysis/model-analysis.js';
import { runText } from '../analysis/request.js';
import type { AdjustedTest } from '../analysis/test-family.js';
import { count, plural } from '../terminal/format.js';

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

function modelDocument({ model, networks, absorption }: AnalysedModel): object {
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

function modelWarnings({ model, networks }: AnalysedModel): string[] {
  return networks.flatMap(({ network, steps, askedSteps, cutBy, runs }) => {
    const where = `${network} under ${model.name}`;
    const extended = runs.filter(({ storedSteps }) => storedSteps < steps).length;
    return [
      ...(cutBy === null
        ? []
        : [
            `${where}: ${runText(cutBy)} ends after ${plural(steps, 'step')} and is in no cycle, so all runs are compared up to there, not up to the ${count(askedSteps)} of the horizon.`,
          ]),
      ...(extended === 0
        ? []
        : [
            `${where}: ${extended} of ${plural(runs.length, 'run')} stopped at an exact cycle; the cycle extends ${extended === 1 ? 'it' : 'them'} exactly to ${plural(steps, 'step')}.`,
          ]),
    ];
  });
}

function testWarnings(tests: readonly AdjustedTest[]): string[] {
  const atFloor = tests.filter((test) => test.atFloor === true);
  if (atFloor.length === 0) return [];
  const greatest = Math.max(...atFloor.map(({ floor }) => floor ?? 0));
  return [
    `${atFloor.length} of ${plural(tests.filter(({ p }) => p !== null).length, 'p-value')} ${atFloor.length === 1 ? 'is' : 'are'} at the floor: no p of these runs can be smaller (the highest floor is ${figure(greatest)}). Only more runs lower it.`,
  ];
}

/** Three figures: `0.123`, `12.3`, `1.2e-5`. A dash for null. */
export function figure(value: number | null | undefined): string {
  if (value == null) return '-';
  if (value === 0 || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return value.toExponential(1);
  return value.toPrecision(3).replace(/\.0+$/, '');
}
