import { describeRepair, givesUpSteps, INVARIANTS } from '../../db/doctor/index.js';
import type { Invariant, Repair, Violation } from '../../db/doctor/index.js';
import type { Context } from '../context.js';

export function restoreText({ place }: Pick<Context, 'place'>): string {
  const what = place.database === null ? 'data folder' : 'database';
  return `restore the ${what} from a copy, or run the experiment again in a new ${what}`;
}

/** What a user can do about a violation. */
export function remedyOf(repair: Repair | null, context: Pick<Context, 'command' | 'place'>): string {
  const { command } = context;
  if (repair === null) return restoreText(context);
  const does = describeRepair(repair);
  return givesUpSteps(repair)
    ? `${restoreText(context)}; or give up what cannot be proven: "${command('doctor', '--fix', '--cut-back')}" would ${does}`
    : `"${command('doctor', '--fix')}" would ${does}`;
}

/** A violation as `--json` prints it. */
export interface ViolationDocument {
  readonly invariant: Invariant;
  /** The rule in `INVARIANTS` that the row breaks. */
  readonly rule: string;
  readonly table: string;
  readonly id: string | number;
  readonly message: string;
  readonly remedy: string;
  readonly repair: Repair | null;
}

export function violationDocument(violation: Violation, context: Context): ViolationDocument {
  const { invariant, table, id, message, repair } = violation;
  const remedy = remedyOf(repair, context);
  return { invariant, rule: INVARIANTS[invariant], table, id, message, remedy, repair };
}

/** Says what is wrong. */
export function foundText({ invariant, rule, table, id, message }: ViolationDocument): string {
  return `${table} ${id}: ${message}\n(invariant ${invariant}: ${rule})`;
}

/** Says what is wrong and what a user can do. */
export function violationText(document: ViolationDocument): string {
  return `${foundText(document)}\n${document.remedy}`;
}
