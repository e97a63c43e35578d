import type { InvocationRow, Store } from '../../db/index.js';

/** A step as the store gives it: its row, with the name of its model and its output. */
export type StoredStep =
  ReturnType<Store['invocations']['steps']> extends AsyncGenerator<infer S> ? S : never;

/** How `show ID RUN` tells a column of a step. */
interface Told<Name extends string, V> {
  readonly kind: 'told';
  /** Its name in the document of `--json`, and its value there. */
  readonly name: Name;
  readonly value: (step: StoredStep) => V;
  /** A column of the printed table, which is there where some step has a value. */
  readonly printed?: Printed;
}

interface Printed {
  readonly heading: string;
  /** Characters of the longest cell, or of the heading. */
  readonly width: number;
  readonly cell: (step: StoredStep) => string;
}

interface NotTold {
  readonly kind: 'not told';
  readonly why: string;
}

function told<Name extends string, V>(
  name: Name,
  value: (step: StoredStep) => V,
  printed?: Printed,
): Told<Name, V> {
  return { kind: 'told', name, value, ...(printed === undefined ? {} : { printed }) };
}

function notTold(why: string): NotTold {
  return { kind: 'not told', why };
}

const PROVENANCE = notTold('how it was computed: "verify" compares it');

/**
 * Every column of a step, and how it is told: in the order of the document. The type asks for one that a migration adds. The printed table
 * has step, model, seed, source and output always.
 */
const STEP_COLUMNS = {
  id: notTold('an id of this store'),
  runId: notTold('the run that is shown'),
  sequence: told('sequence', (step) => step.sequence),
  modelId: told('model', (step) => step.model),
  inputId: notTold('the output of the step before it'),
  outputId: notTold('told as `modality`, and `text` or `object`'),
  seed: told('seed', (step) => step.seed),
  source: told('source', (step) => step.source),
  hostId: PROVENANCE,
  batchSize: PROVENANCE,
  computeMs: told('computeMs', (step) => step.computeMs),
  createdAt: notTold('a time; that of the run is told'),
  cutTokens: told('cutTokens', (step) => step.cutTokens),
  outputCut: told('outputCut', (step) => step.outputCut !== null),
} satisfies { readonly [Name in keyof InvocationRow]: Told<string, unknown> | NotTold };

type Columns = typeof STEP_COLUMNS;

/** What the document tells of the columns of a step. */
export type StepValues = {
  readonly [
    Name in keyof Columns as Columns[Name] extends Told<infer Key, unknown> ? Key : never
  ]: Columns[Name] extends Told<string, infer V> ? V : never;
};

const COLUMNS: readonly (readonly [string, Told<string, unknown> | NotTold])[] = Object.entries(STEP_COLUMNS);

export function stepValues(step: StoredStep): StepValues {
  const values = COLUMNS.flatMap(([, column]) =>
    column.kind === 'told' ? [[column.name, column.value(step)] as const] : [],
  );
  return Object.fromEntries(values) as StepValues;
}

/** The columns that the printed table has beside those that it always has. `counts`: of a run, how many steps have a value, by column. */
export function printedColumns(counts: Readonly<Record<string, number>>): readonly Printed[] {
  return COLUMNS.flatMap(([name, column]) =>
    column.kind === 'told' && column.printed !== undefined && (counts[name] ?? 0) > 0 ? [column.printed] : [],
  );
}
