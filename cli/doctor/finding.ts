import type { ViolationDocument } from './remedy.js';

/** Options of `doctor`. */
export interface DoctorOptions {
  readonly experiment: string | undefined;
  readonly deep: boolean;
  /** How many violations are named one by one. The others are counted. */
  readonly limit: number;
}

/** A build id of workers as `--json` prints it. */
export interface BuildDocument {
  readonly deployment: string;
  readonly buildId: string;
  readonly version: string;
  /** SHA-256 of the workflow code. */
  readonly workflows: string;
  readonly recordedAt: string;
}

/** One finding of `doctor`. Only a `problem` makes the command fail. */
export interface Finding {
  readonly level: 'ok' | 'info' | 'warning' | 'problem';
  readonly text: string;
  /** The row that breaks an invariant, if the finding is one. */
  readonly violation?: ViolationDocument;
  /** The builds of the workers, the oldest first, if the finding is about them. */
  readonly builds?: readonly BuildDocument[];
}

export type Findings = AsyncIterable<Finding> | Iterable<Finding>;

export function ok(text: string): Finding {
  return { level: 'ok', text };
}

export function info(text: string): Finding {
  return { level: 'info', text };
}

export function warning(text: string): Finding {
  return { level: 'warning', text };
}

export function problem(text: string): Finding {
  return { level: 'problem', text };
}
