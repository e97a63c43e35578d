import type { ViolationDocument } from './remedy.js';

/** What a user asks of `doctor`. */
export interface DoctorOptions {
  readonly experiment: string | undefined;
  readonly deep: boolean;
  /** Violations that are named one by one; the others are counted. */
  readonly limit: number;
}

/** What `--json` prints of a build id of workers. */
export interface BuildDocument {
  readonly deployment: string;
  readonly buildId: string;
  readonly version: string;
  /** SHA-256 of the workflow code. */
  readonly workflows: string;
  readonly recordedAt: string;
}

/** One thing that `doctor` saw. Only a `problem` makes it fail. */
export interface Finding {
  readonly level: 'ok' | 'info' | 'warning' | 'problem';
  readonly text: string;
  /** Where the finding is a row that breaks an invariant. */
  readonly violation?: ViolationDocument;
  /** Where the finding is of the workers' builds, the oldest first. */
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
