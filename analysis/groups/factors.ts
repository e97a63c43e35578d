import { AnalysisInputError } from '../errors.js';
import { interactionTest, promptTest, type FactorTest } from './factor-tests.js';
import type { RelabellingInput } from '../inference/relabelling.js';

/** One value of one run, under one embedding model. */
export interface FactorRun {
  readonly network: string;
  readonly prompt: string;
  /** -1: the run drew its seeds. */
  readonly seed: number;
  readonly value: number;
}

export interface FactorEffect {
  readonly sumOfSquares: number;
  readonly degreesOfFreedom: number;
  readonly meanSquare: number;
  /** Share of the sum of all sums of squares, in [0, 1]; null if all values are equal. */
  readonly etaSquared: number | null;
}

/** What a statistic of runs owes to network, prompt, their interaction, and the seed. */
export interface Factors {
  /** Sorted; likewise the prompts. */
  readonly networks: readonly string[];
  readonly prompts: readonly string[];
  /** Prompts that some network has no run of. Their runs do not count. */
  readonly droppedPrompts: readonly string[];
  /** Runs that count. */
  readonly runs: number;
  /** Whether runs are missing: a dropped prompt, or cells of unequal numbers of runs. */
  readonly incomplete: boolean;
  /** Runs in a cell (network × prompt): the harmonic mean where they are unequal; null without a cell. */
  readonly runsPerCell: number | null;
  /** Null with fewer than two networks or two prompts. */
  readonly effects: FactorEffects | null;
  /** Do networks differ? The null says that networks do not matter for any prompt. */
  readonly networkTest: FactorTest;
  /** Do prompts differ? */
  readonly promptTest: FactorTest;
}

export interface FactorEffects {
  readonly network: FactorEffect;
  readonly prompt: FactorEffect;
  readonly interaction: FactorEffect;
  /** Seeds within cells; null with one run in each cell, and then the interaction contains it. */
  readonly residual: FactorEffect | null;
  /** Variance components by moments. One below 0 reads as 0. */
  readonly variance: {
    readonly seed: number | null;
    readonly interaction: number | null;
    readonly prompt: number;
  };
}

/** Sums of squares this small beside all of them are rounding. */
const ROUNDING = 1e-24;

/**
 * Two-way analysis of one value of each run: networks × prompts × seeds. Networks are tested against their interaction
 * with the prompts, since the prompts are a sample of prompts: F = MS_network / MS_interaction, p by exchange of the
 * networks within each prompt among the means of the cells. Prompts are tested by exchange of the runs among the
 * prompts within networks.
 *
 * With runs missing, sums of squares are those of the unweighted means of the cells, times the harmonic mean of the
 * runs of a cell, and `incomplete` says so. A prompt with an empty cell is dropped, and `droppedPrompts` names it.
 *
 * Give the values of one embedding model: several embeddings of one run are not several runs. Throws
 * AnalysisInputError for two runs of one network, prompt and fixed seed, and for a value that is not finite.
 *
 * Source: Searle, Casella & McCulloch 1992, "Variance Components", chapters 4 and 5; Anderson & ter Braak 2003,
 * J. Stat. Comput. Simul. 73:85.
 */
export function factors(
  runs: readonly FactorRun[],
  options: Pick<RelabellingInput, 'draws' | 'limit'> = {},
): Factors {
  checkRuns(runs);
  const networks = [...new Set(runs.map(({ network }) => network))].toSorted();
  const values = valuesByCell(runs);
  const allPrompts = [...values.keys()].toSorted();
  const isComplete = (prompt: string): boolean => values.get(prompt)!.size === networks.length;
  const prompts = allPrompts.filter(isComplete);
  const droppedPrompts = allPrompts.filter((prompt) => !isComplete(prompt));
  const cells = prompts.map((prompt) => networks.map((network) => values.get(prompt)!.get(network)!));
  // Their sums then do not depend on the order of the runs.
  for (const cell of cells.flat()) cell.sort((a, b) => a - b);
  const sizes = cells.flat().map(({ length }) => length);
  const effects = networks.length > 1 && prompts.length > 1 ? effectsOf(cells) : null;
  return {
    networks,
    prompts,
    droppedPrompts,
    runs: sizes.reduce((sum, size) => sum + size, 0),
    incomplete: droppedPrompts.length > 0 || new Set(sizes).size > 1,
    runsPerCell: harmonicMean(sizes),
    effects,
    networkTest: interactionTest(cells, networks.length, options),
    promptTest: promptTest(cells, options),
  };
}

function checkRuns(runs: readonly FactorRun[]): void {
  const seen = new Map<string, number>();
  runs.forEach(({ network, prompt, seed, value }, index) => {
    if (!Number.isFinite(value)) {
      throw new AnalysisInputError(
        `runs[${index}].value is ${value}; leave out runs for which the statistic is not defined`,
      );
    }
    if (seed === -1) return;
    const key = JSON.stringify([network, prompt, seed]);
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      throw new AnalysisInputError(
        `runs[${earlier}] and runs[${index}] have one network, prompt and seed; give one value for each run, ` +
          'and analyse each embedding model by itself',
      );
    }
    seen.set(key, index);
  });
}

/** Prompt → network → values. */
function valuesByCell(runs: readonly FactorRun[]): Map<string, Map<string, number[]>> {
  const values = new Map<string, Map<string, number[]>>();
  for (const { network, prompt, value } of runs) {
    const ofPrompt = values.get(prompt) ?? new Map<string, number[]>();
    values.set(prompt, ofPrompt);
    const ofCell = ofPrompt.get(network) ?? [];
    ofPrompt.set(network, ofCell);
    ofCell.push(value);
  }
  return values;
}

/** `cells` holds the values of each prompt and network. */
function effectsOf(cells: readonly (readonly (readonly number[])[])[]): FactorEffects {
  const prompts = cells.length;
  const networks = cells[0]!.length;
  const sizes = cells.flat().map(({ length }) => length);
  const perCell = harmonicMean(sizes)!;
  const means = cells.map((row) => row.map(meanOf));
  const promptMeans = means.map(meanOf);
  const networkMeans = means[0]!.map((_, network) => meanOf(means.map((row) => row[network]!)));
  const mean = meanOf(promptMeans);
  const interactions = means.flatMap((row, prompt) =>
    row.map((value, network) => value - promptMeans[prompt]! - networkMeans[network]! + mean),
  );
  const deviations = cells.flatMap((row, prompt) =>
    row.flatMap((values, network) => values.map((value) => value - means[prompt]![network]!)),
  );
  const sums = {
    network: perCell * prompts * squares(networkMeans.map((value) => value - mean)),
    prompt: perCell * networks * squares(promptMeans.map((value) => value - mean)),
    interaction: perCell * squares(interactions),
    residual: squares(deviations),
  };
  const total = sums.network + sums.prompt + sums.interaction + sums.residual;
  const magnitude = squares(cells.flat(2));
  const effect = (sumOfSquares: number, degreesOfFreedom: number): FactorEffect => ({
    sumOfSquares,
    degreesOfFreedom,
    meanSquare: sumOfSquares / degreesOfFreedom,
    etaSquared: total <= ROUNDING * magnitude ? null : sumOfSquares / total,
  });
  const network = effect(sums.network, networks - 1);
  const prompt = effect(sums.prompt, prompts - 1);
  const interaction = effect(sums.interaction, (networks - 1) * (prompts - 1));
  const residual =
    deviations.length === sizes.length ? null : effect(sums.residual, deviations.length - sizes.length);
  return {
    network,
    prompt,
    interaction,
    residual,
    variance: {
      seed: residual?.meanSquare ?? null,
      interaction: residual === null ? null : (interaction.meanSquare - residual.meanSquare) / perCell,
      prompt: (prompt.meanSquare - interaction.meanSquare) / (networks * perCell),
    },
  };
}

function harmonicMean(sizes: readonly number[]): number | null {
  return sizes.length === 0 ? null : sizes.length / sizes.reduce((sum, size) => sum + 1 / size, 0);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squares(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}
