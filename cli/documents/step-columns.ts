import type { InvocationRow, Store } from '../../db/index.js';

/** A step from the store: its row, with the name of its model and its output. */
export type StoredStep =
  ReturnType<Store['invocations']['steps']> extends AsyncGenerator<infer S> ? S : never;

/** How `show ID RUN` shows a column of a step. */
interface Shown<Name extends string, V> {
  readonly kind: 'shown';
  /** The name and the value in the document of `--json`. */
  readonly name: Name;
  readonly value: (step: StoredStep) => V;
  /** A column of the printed table. The table has it if some step has a value. */
  readonly printed?: Printed;
}

interface Printed {
  readonly heading: string;
  /** The number of characters of the longest cell or of the heading. */
  readonly width: number;
  readonly cell: (step: StoredStep) => string;
}

interface LeftOut {
  readonly kind: 'left out';
  readonly why: string;
}

function shown<Name extends string, V>(
  name: Name,
  value: (step: StoredStep) => V,
  printed?: Printed,
): Shown<Name, V> {
  return { kind: 'shown', name, value, ...(printed === undefined ? {} : { printed }) };
}

function leftOut(why: string): LeftOut {
  return { kind: 'left out', why };
}

const PROVENANCE = leftOut('how it was computed: "verify" compares it');

/**
 * Every column of a step in the order of the document, and how `show` shows it. The type requires an entry for a column
 * that a migration adds. The printed table always has step, model, seed, source and output.
 */
const STEP_COLUMNS = {
  id: leftOut('an id of this store'),
  runId: leftOut('the run that is shown'),
  sequence: shown('sequence', (step) => step.sequence),
  modelId: shown('model', (step) => step.model),
  inputId: leftOut('the output of the step before it'),
  outputId: leftOut('shown as `modality`, and `text` or `object`'),
  seed: shown('seed', (step) => step.seed),
  source: shown('source', (step) => step.source),
  hostId: PROVENANCE,
  batchSize: PROVENANCE,
  computeMs: shown('computeMs', (step) => step.computeMs),
  createdAt: leftOut('a time; the document has that of the run'),
  cutTokens: shown('cutTokens', (step) => step.cutTokens),
  outputCut: shown('outputCut', (step) => step.outputCut !== null),
} satisfies { readonly [Name in keyof InvocationRow]: Shown<string, unknown> | LeftOut };

type Columns = typeof STEP_COLUMNS;

/** The columns of a step in the document. */
export type StepValues = {
  readonly [
    Name in keyof Columns as Columns[Name] extends Shown<infer Key, unknown> ? Key : never
  ]: Columns[Name] extends Shown<string, infer V> ? V : never;
};

const COLUMNS: readonly (readonly [string, Shown<string, unknown> | LeftOut])[] =
  Object.entries(STEP_COLUMNS);

// The overload states what a loop cannot: each value stands under the name of its column.
export function stepValues(step: StoredStep): StepValues;
export function stepValues(step: StoredStep): object {
  const values = COLUMNS.flatMap(([, column]) =>
    column.kind === 'shown' ? [[column.name, column.value(step)] as const] : [],
  );
  return Object.fromEntries(values);
}

/**
 * The columns that the printed table has beside its fixed ones. `counts` says for each column how many steps of the run
 * have a value.
 */
export function printedColumns(counts: Readonly<Record<string, number>>): readonly Printed[] {
  return COLUMNS.flatMap(([name, column]) =>
    column.kind === 'shown' && column.printed !== undefined && (counts[name] ?? 0) > 0
      ? [column.printed]
      : [],
  );
}
