import { assertNever } from '../../common/errors.js';

/**
 * The repair of a violation. It deletes derived rows, which the next `resume` computes again. It changes any
 * other row only to a value that the rest of the store, or a repeated model call, proves.
 */
export type Repair =
  /** SQLite makes the indices anew from their tables. */
  | { readonly kind: 'rebuild the file' }
  /** The row in which the database states what it is. */
  | { readonly kind: 'restore the database row' }
  /** A trigger or index that the tables of this version have. */
  | { readonly kind: 'restore the schema'; readonly name: string }
  | { readonly kind: 'delete embedding'; readonly invocation: number; readonly model: number }
  | { readonly kind: 'delete prompt vector'; readonly artifact: number; readonly model: number }
  | { readonly kind: 'delete vector'; readonly vector: number }
  /** The numbers of a trajectory with their curves. */
  | { readonly kind: 'delete statistics'; readonly statistics: number }
  /** Computes the numbers of a run's trajectory from its vectors, unless they are stored and not stale. */
  | {
      readonly kind: 'compute statistics';
      readonly experiment: string;
      readonly run: number;
      readonly model: string;
    }
  | { readonly kind: 'delete diagram'; readonly diagram: number }
  /** Computes the numbers of a diagram from its bars. */
  | { readonly kind: 'measure diagram'; readonly diagram: number }
  /** The surrogate of one index, or all of a kind. */
  | {
      readonly kind: 'delete surrogates';
      readonly diagram: number;
      readonly surrogate: string;
      readonly index: number;
    }
  /** A line of the log of failures whose run is missing. */
  | { readonly kind: 'delete failure'; readonly failure: number }
  /** An artifact that no row mentions. */
  | { readonly kind: 'delete artifact'; readonly artifact: number }
  /** A derived row is missing, so the run is no longer finished. */
  | { readonly kind: 'reopen run'; readonly run: number }
  /** Takes the run's columns from the plan, and its end from its steps. */
  | { readonly kind: 'restore run'; readonly run: number }
  | { readonly kind: 'restore experiment'; readonly experiment: string }
  /**
   * Runs of a fixed seed, which the plan decides. Runs of seed -1 get new seeds, and only if the user asks
   * for it.
   */
  | {
      readonly kind: 'plan runs';
      readonly experiment: string;
      readonly from: number;
      readonly to: number;
      readonly fixed: boolean;
    }
  /** Repeats the call that made a text or picture; keeps the result only if it has the SHA-256 of the row. */
  | { readonly kind: 'recompute artifact'; readonly artifact: number }
  /**
   * Repeats the model calls of steps; keeps the results only if they agree with the stored rows beside them.
   */
  | {
      readonly kind: 'recompute steps';
      readonly run: number;
      readonly from: number;
      readonly to: number;
    }
  /** Only if the user asks for it: deletes the steps from `from` on, with all that was made of them. */
  | { readonly kind: 'cut run'; readonly run: number; readonly from: number }
  /** Only if the user asks for it: the drawn seed is lost, so this deletes all steps and draws a new seed. */
  | { readonly kind: 'restart run'; readonly run: number }
  /** Only if the user asks for it: deletes a run that is not in its experiment's plan, with all its rows. */
  | { readonly kind: 'delete run'; readonly run: number }
  /** Only if the user asks for it: deletes a step whose run is missing. */
  | { readonly kind: 'delete step'; readonly invocation: number };

export type RepairKind = Repair['kind'];

/** The order in which repairs are made: first those that others build on. */
const ORDER: readonly RepairKind[] = [
  'rebuild the file',
  'restore the database row',
  'delete failure',
  'delete step',
  'delete run',
  'restart run',
  'delete surrogates',
  'delete statistics',
  'delete diagram',
  'measure diagram',
  'delete embedding',
  'delete prompt vector',
  'delete vector',
  'plan runs',
  'recompute artifact',
  'recompute steps',
  'cut run',
  'restore run',
  'reopen run',
  'restore experiment',
  'compute statistics',
  'delete artifact',
  'restore the schema',
];

export function rankOf(repair: Repair): number {
  return ORDER.indexOf(repair.kind);
}

const GIVING_UP: ReadonlySet<RepairKind> = new Set(['cut run', 'restart run', 'delete run', 'delete step']);

/**
 * Whether the repair gives up something that cannot be computed again as it was. It needs the user's explicit
 * consent.
 */
export function givesUpSteps(repair: Repair): boolean {
  return GIVING_UP.has(repair.kind) || (repair.kind === 'plan runs' && !repair.fixed);
}

/** Whether the repair calls models again, so that it may turn out to be impossible. */
export function asksModels({ kind }: Repair): boolean {
  return kind === 'recompute artifact' || kind === 'recompute steps';
}

/** The effect of a repair as an instruction: `delete diagram 7 ...`. */
export function describeRepair(repair: Repair): string {
  switch (repair.kind) {
    case 'rebuild the file':
      return 'copy the tables into a new file, with new indices; the damaged file is kept beside it';
    case 'restore the database row':
      return 'let the table databases have its one row, with a new id where the id is lost; backups made before then count as those of another database';
    case 'restore the schema':
      return `make ${repair.name} again`;
    case 'delete embedding':
      return `delete embedding ${repair.invocation}/${repair.model}, to be made again`;
    case 'delete prompt vector':
      return `take from prompt ${repair.artifact} its vector of model ${repair.model}, to be made again`;
    case 'delete vector':
      return `delete vector ${repair.vector} and what points at it, to be made again`;
    case 'delete statistics':
      return `delete numbers ${repair.statistics} of a run with their curves, to be computed again`;
    case 'compute statistics':
      return `compute the numbers of run ${repair.run} of experiment ${repair.experiment} under ${repair.model}`;
    case 'delete diagram':
      return `delete diagram ${repair.diagram} with its surrogates, to be made again`;
    case 'measure diagram':
      return `compute the numbers of diagram ${repair.diagram} from its bars`;
    case 'delete surrogates':
      return `delete surrogate ${repair.diagram}/${repair.surrogate}/${repair.index}, to be made again`;
    case 'delete failure':
      return `delete line ${repair.failure} of the log of failures`;
    case 'delete artifact':
      return `delete artifact ${repair.artifact}, which no row mentions`;
    case 'reopen run':
      return `make the run of row ${repair.run} unfinished, so that what is missing is made`;
    case 'restore run':
      return `set the run of row ${repair.run} to what its plan and its steps say`;
    case 'restore experiment':
      return `set the status of experiment ${repair.experiment} to what its runs say`;
    case 'plan runs':
      return `plan ${runsText(repair.from, repair.to)} of experiment ${repair.experiment} again${repair.fixed ? '' : ', with new seeds where they were drawn'}`;
    case 'recompute artifact':
      return `make artifact ${repair.artifact} again, and keep it if it has the same SHA-256`;
    case 'recompute steps':
      return `make ${stepsText(repair.from, repair.to)} of the run of row ${repair.run} again, and keep ${repair.from === repair.to ? 'it' : 'them'} if what is stored around agrees`;
    case 'cut run':
      return `cut the run of row ${repair.run} back to its first ${repair.from} steps, to go on from there`;
    case 'restart run':
      return `delete every step of the run of row ${repair.run}, and draw a new seed for it`;
    case 'delete run':
      return `delete the run of row ${repair.run}, which is not in the plan, with all its steps`;
    case 'delete step':
      return `delete invocation ${repair.invocation}, whose run is not there`;
    default:
      return assertNever(repair);
  }
}

function runsText(from: number, to: number): string {
  return from === to ? `run ${from}` : `runs ${from} to ${to}`;
}

function stepsText(from: number, to: number): string {
  return from === to ? `step ${from}` : `steps ${from} to ${to}`;
}
