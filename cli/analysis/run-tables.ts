import type { CsvTable } from './table-folder.js';
import type { Cell } from './csv.js';
import type { AnalysedModel } from './model-analysis.js';
import type { AdjustedTest } from './test-family.js';

/** The tables of `analyse runs`: a row for each run, each step of a curve, each time of absorption, and each test. */
export function runTables(models: readonly AnalysedModel[], tests: readonly AdjustedTest[]): CsvTable[] {
  return [
    {
      name: 'runs',
      columns: [
        'model',
        'network',
        'experiment',
        'run',
        'prompt',
        'seed',
        'drawn_seed',
        'invocations',
        'stored_steps',
        'horizon_steps',
        'distinct_points',
        'cycle_onset',
        'cycle_period',
        'absorbed_at',
        'points_sha256',
      ],
      rows: runRows(models),
    },
    {
      name: 'divergence',
      columns: ['model', 'network', 'pairs', 'pair_count', 'step', 'distance'],
      rows: divergenceRows(models),
    },
    {
      name: 'convergence',
      columns: ['model', 'network', 'step', 'within', 'between', 'recovered', 'chance'],
      rows: convergenceRows(models),
    },
    {
      name: 'absorption',
      columns: ['model', 'network', 'step', 'at_risk', 'survival'],
      rows: absorptionRows(models),
    },
    {
      name: 'factors',
      columns: [
        'model',
        'statistic',
        'runs',
        'runs_without',
        'incomplete',
        'share_network',
        'share_prompt',
        'share_interaction',
        'share_seed',
      ],
      rows: factorRows(models),
    },
    testTable(tests),
  ];
}

/** The tests of a call, a row each. */
export function testTable(tests: readonly AdjustedTest[]): CsvTable {
  return {
    name: 'tests',
    columns: [
      'model',
      'network',
      'statistic',
      'compares',
      'value',
      'p',
      'q',
      'holm',
      'floor',
      'at_floor',
      'exact',
      'compared',
      'arrangements',
      'reason',
    ],
    rows: tests.map((test) => [
      test.model,
      test.network,
      test.statistic,
      test.compares,
      test.value,
      test.p,
      test.q,
      test.holm,
      test.floor,
      test.atFloor,
      test.isExact,
      test.compared,
      test.arrangements,
      test.reason,
    ]),
  };
}

function* runRows(models: readonly AnalysedModel[]): Generator<readonly Cell[]> {
  for (const { model, networks } of models) {
    for (const { network, steps, runs } of networks) {
      for (const { run, storedSteps, cycle, pointsSha256, absorbedAt, distinctPoints } of runs) {
        yield [
          model.name,
          network,
          run.experiment,
          run.index,
          run.prompt,
          run.seed,
          run.drawnSeed,
          run.length,
          storedSteps,
          steps,
          distinctPoints,
          cycle?.onset ?? null,
          cycle?.period ?? null,
          absorbedAt,
          pointsSha256,
        ];
      }
    }
  }
}

function* divergenceRows(models: readonly AnalysedModel[]): Generator<readonly Cell[]> {
  for (const { model, networks } of models) {
    for (const { network, divergence } of networks) {
      for (const { kind, found } of divergence) {
        if (found === null) continue;
        for (const [step, distance] of found.curve.entries()) {
          yield [model.name, network, kind, found.pairCount, step, distance];
        }
      }
    }
  }
}

function* convergenceRows(models: readonly AnalysedModel[]): Generator<readonly Cell[]> {
  for (const { model, networks } of models) {
    for (const { network, convergence } of networks) {
      const { curves } = convergence;
      if (curves === null) continue;
      for (const [place, step] of curves.steps.entries()) {
        yield [
          model.name,
          network,
          step,
          curves.within?.[place] ?? null,
          curves.between?.[place] ?? null,
          curves.recovered?.[place] ?? null,
          curves.chance,
        ];
      }
    }
  }
}

function* absorptionRows(models: readonly AnalysedModel[]): Generator<readonly Cell[]> {
  for (const { model, absorption } of models) {
    for (const { network, runs, curve } of absorption.networks) {
      yield [model.name, network, 0, runs, 1];
      for (const [place, at] of curve.at.entries()) {
        yield [model.name, network, at, curve.atRisk[place]!, curve.survival[place]!];
      }
    }
  }
}

function* factorRows(models: readonly AnalysedModel[]): Generator<readonly Cell[]> {
  for (const { model, factors } of models) {
    for (const { statistic, found, runsWithout } of factors) {
      const { runs, incomplete, effects } = found;
      yield [
        model.name,
        statistic,
        runs,
        runsWithout,
        incomplete,
        effects?.network.etaSquared ?? null,
        effects?.prompt.etaSquared ?? null,
        effects?.interaction.etaSquared ?? null,
        effects?.residual?.etaSquared ?? null,
      ];
    }
  }
}
