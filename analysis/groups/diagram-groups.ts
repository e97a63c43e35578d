import { Pacer, type Work } from '../../tda/pacer.js';
import { layOut, type Design } from '../inference/arrangements.js';
import { countFiniteBars, diagramDistancesWork, type DiagramDistance } from './diagram-distances.js';
import { AnalysisInputError } from '../errors.js';
import { groupDistances, type GroupDistances } from './group-distances.js';
import type { GroupTestOptions } from './group-test.js';
import { permanovaOfSquares, permanovaWork, type Permanova } from './permanova.js';
import { residualSquares } from './residual-distances.js';
import type { RunDistances } from './run-distances.js';

/** Do the diagrams of groups of runs differ, and in more than the number of distinct outputs? */
export interface DiagramGroups {
  readonly distances: RunDistances;
  /** The number of finite bars of each diagram. */
  readonly barCounts: Uint32Array;
  readonly means: GroupDistances;
  readonly permanova: Permanova;
  /** PERMANOVA of what is left of the distances after ln(distinct outputs). */
  readonly afterDistinct: Permanova;
}

export interface DiagramGroupsInput {
  /** The diagram of each run, of one degree: birth, death, birth, death… */
  readonly diagrams: readonly Float32Array[];
  /** The number of distinct outputs of each run, at least 1. */
  readonly distinct: ArrayLike<number>;
  readonly design: Design;
  readonly kind: DiagramDistance;
}

/** Squares this small beside their sum before the covariate are rounding. */
const ROUNDING = 1e-12;

/**
 * Compares persistence diagrams within and between groups of runs: their distances (`diagramDistances`), the means
 * within and between groups, and PERMANOVA. Degree 0 largely counts distinct outputs: runs of 11 and of 70 captions
 * differ in it whatever the captions are. So PERMANOVA is done twice, the second time after ln(distinct outputs).
 *
 * Time: see `predictDiagramDistances`. It lets the event loop run about every 40 ms. Rejects with TdaInputError for a
 * malformed diagram, with AnalysisInputError for a malformed design or count, or with the signal's reason.
 */
export async function diagramGroups(
  input: DiagramGroupsInput,
  options: GroupTestOptions = {},
): Promise<DiagramGroups> {
  return new Pacer(options.signal).finish(diagramGroupsWork(input, options));
}

function* diagramGroupsWork(
  { diagrams, distinct, design, kind }: DiagramGroupsInput,
  options: GroupTestOptions,
): Work<DiagramGroups> {
  layOut(design);
  checkInput(diagrams, distinct, design);
  const distances = yield* diagramDistancesWork(diagrams, kind);
  const squares = distances.distances.map((distance) => distance * distance);
  const total = squares.reduce((sum, square) => sum + square, 0) / diagrams.length;
  const residuals = residualSquares(squares, Float64Array.from(distinct, Math.log));
  return {
    distances,
    barCounts: Uint32Array.from(diagrams, countFiniteBars),
    means: groupDistances(distances, design),
    permanova: yield* permanovaWork(distances, design, options),
    afterDistinct: yield* permanovaOfSquares('permanova after ln(distinct)', residuals, design, {
      ...options,
      noise: ROUNDING * total,
      nothing:
        total === 0
          ? 'all distances between runs are 0'
          : 'the numbers of distinct outputs explain all distances between runs',
    }),
  };
}

function checkInput(
  diagrams: readonly Float32Array[],
  distinct: ArrayLike<number>,
  { groups }: Design,
): void {
  if (diagrams.length !== groups.length || distinct.length !== groups.length) {
    throw new AnalysisInputError(
      `there are ${diagrams.length} diagrams, distinct has ${distinct.length} numbers and groups has ${groups.length}; ` +
        'expected one of each for every run',
    );
  }
  for (let run = 0; run < distinct.length; run++) {
    const count = distinct[run]!;
    if (!(Number.isInteger(count) && count >= 1)) {
      throw new AnalysisInputError(`distinct[${run}] is ${count}; expected a whole number, at least 1`);
    }
  }
}
