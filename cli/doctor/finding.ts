import type { ViolationDocument } from './remedy.js';

/** One thing that `doctor` saw. Only a `problem` makes it fail. */
export interface Finding {
  readonly level: 'ok' | 'info' | 'warning' | 'problem';
  readonly text: string;
  /** Where the finding is a row that breaks an invariant. */
  readonly violation?: ViolationDocument;
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
