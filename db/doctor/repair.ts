import { assertNever } from '../../common/errors.js';

/**
 * What mends a violation. Derived rows are deleted, and what is missing is computed by the next `resume`; whatever else is
 * changed becomes what the rest of the store, or a model that is asked again, proves it to have been.
 */
export type Repair =
  /** Indices are made anew from their tables. */
  | { readonly kind: 'rebuild the file' }
  /** What the database says of itself. */
  | { readonly kind: 'restore the database row' }
  /** A trigger or index that the tables of this version have. */
  | { readonly kind: 'restore the schema'; readonly name: string }
  | { readonly kind: 'delete embedding'; readonly invocation: number; readonly model: number }
  | { readonly kind: 'delete vector'; readonly vector: number }
  | { readonly kind: 'delete diagram'; readonly diagram: number }
  /** Numbers of its bars, from the bars. */
  | { readonly kind: 'measure diagram'; readonly diagram: number }
  /** Of one index, or all of a kind. */
  | {
      readonly kind: 'delete surrogates';
      readonly diagram: number;
      readonly surrogate: string;
      readonly index: number;
    }
  /** A line of the log whose run is not there. */
  | { readonly kind: 'delete failure'; readonly failure: number }
  /** An artifact that no row mentions. */
  | { readonly kind: 'delete artifact'; readonly artifact: number }
  /** Something derived is missing: the run is no longer finished. */
  | { readonly kind: 'reopen run'; readonly run: number }
  /** Its columns from the plan, its end from its steps. */
  | { readonly kind: 'restore run'; readonly run: number }
  | { readonly kind: 'restore experiment'; readonly experiment: string }
  /** Runs of a fixed seed, which the plan decides; those of seed -1 only on purpose, with new seeds. */
  | {
      readonly kind: 'plan runs';
      readonly experiment: string;
      readonly from: number;
      readonly to: number;
      readonly fixed: boolean;
    }
  /** A text or picture, by asking what made it again: kept only where its SHA-256 is the one of its row. */
  | { readonly kind: 'recompute artifact'; readonly artifact: number }
  /** Steps of a run, by asking their models again: kept only where what is stored beside them is what comes out. */
  | {
      readonly kind: 'recompute steps';
      readonly run: number;
      readonly from: number;
      readonly to: number;
    }
  /** On purpose only. Deletes the steps from `from` on, with all that was made of them. */
  | { readonly kind: 'cut run'; readonly run: number; readonly from: number }
  /** On purpose only. The drawn seed is lost: all steps are deleted, and a new one is drawn. */
  | { readonly kind: 'restart run'; readonly run: number }
  /** On purpose only. A run that its experiment does not have, with all it holds. */
  | { readonly kind: 'delete run'; readonly run: number }
  /** On purpose only. A step whose run is not there. */
  | { readonly kind: 'delete step'; readonly invocation: number };

export type RepairKind = Repair['kind'];

/** In the order in which they are made: what others build on comes first. */
const ORDER: readonly RepairKind[] = [
  'rebuild the file',
  'restore the database row',
  'delete failure',
  'delete step',
  'delete run',
  'restart run',
  'delete surrogates',
  'delete diagram',
  'measure diagram',
  'delete embedding',
  'delete vector',
  'plan runs',
  'recompute artifact',
  'recompute steps',
  'cut run',
  'restore run',
  'reopen run',
  'restore experiment',
  'delete artifact',
  'restore the schema',
];

export function rankOf(repair: Repair): number {
  return ORDER.indexOf(repair.kind);
}

const GIVING_UP: ReadonlySet<RepairKind> = new Set(['cut run', 'restart run', 'delete run', 'delete step']);

/** Whether it gives up what cannot be computed again as it was: done only where somebody asks for it. */
export function givesUpSteps(repair: Repair): boolean {
  return GIVING_UP.has(repair.kind) || (repair.kind === 'plan runs' && !repair.fixed);
}

/** Whether it asks models again, and may find that it cannot be made. */
export function asksModels({ kind }: Repair): boolean {
  return kind === 'recompute artifact' || kind === 'recompute steps';
}

/** What a repair does, as an instruction: `delete diagram 7 ...`. */
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
    case 'delete vector':
      return `delete vector ${repair.vector} and what points at it, to be made again`;
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
