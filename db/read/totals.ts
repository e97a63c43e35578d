import type { Query } from './query.js';
import * as from from './rows.js';
import { tablesOf } from './rows.js';
import type { Source } from './rows.js';

/** The rows of an experiment or of a run: all, or `only` those that have these values. */
export type Scope<R> = ({ readonly experiment: string } | { readonly run: number }) & {
  readonly only?: Only<R>;
};

type Only<R> = { readonly [Name in keyof R & string]?: R[Name] & (string | number) };

type NumberColumn<R> = {
  [Name in keyof R & string]: R[Name] extends number | null ? Name : never;
}[keyof R & string];

/** A number that the database computes over rows. */
export type Measure<R> =
  /** The number of rows. */
  | { readonly over: 'rows' }
  /** The number of rows that have a value in a column, or of its different values. */
  | { readonly over: 'values' | 'distinct'; readonly of: keyof R & string }
  /** Over the rows that have a value in a column; null if none has. */
  | { readonly over: 'sum' | 'mean' | 'least' | 'greatest'; readonly of: NumberColumn<R> };

type Measures<R> = Readonly<Record<string, Measure<R>>>;

type MeasuredValue<R, M> = M extends { readonly over: 'rows' | 'values' | 'distinct' }
  ? number
  : M extends { readonly of: keyof R }
    ? Extract<R[M['of']], null> | number
    : never;

/** A group has rows, so only a column that may be null can lack a value. */
export type Grouped<R, M, By extends keyof R> = Readonly<
  Pick<R, By> & { [Name in keyof M]: MeasuredValue<R, M[Name]> }
>;

/** Without groups there may be no row, and then only counts have a value. */
export type Whole<R, M> = {
  readonly [Name in keyof M]:
    | MeasuredValue<R, M[Name]>
    | (M[Name] extends { readonly over: 'sum' | 'mean' | 'least' | 'greatest' } ? null : never);
};

const FUNCTIONS = { values: 'count', sum: 'sum', mean: 'avg', least: 'min', greatest: 'max' } as const;

interface Totals<R> {
  /** One row over all rows of the scope. */
  <const M extends Measures<R>>(scope: Scope<R>, measures: M): Query<Whole<R, M>>;
  /**
   * One row for each group of rows that have equal values in these columns, in the order of these values; of
   * very many groups only the first `most`.
   */
  <const M extends Measures<R>, const By extends keyof R & string>(
    scope: Scope<R>,
    measures: M,
    by: readonly By[],
    most?: number,
  ): Query<Grouped<R, M, By>>;
}

/**
 * Makes the queries for numbers over the rows of a source. The database sums, and returns one row for each
 * group: so an experiment of any size gives few rows, however many it has.
 */
function totalsOver<R, Own extends keyof R & string>(source: Source<R, Own>, of: Owners): Totals<R>;
// The overload states what a loop does not: a value for each measure.
function totalsOver(source: Source<Readonly<Record<string, unknown>>, string>, of: Owners) {
  return (
    scope: AnyScope,
    measures: Measures<Readonly<Record<string, number>>>,
    by: readonly string[] = [],
    most?: number,
  ) => {
    const only = Object.entries(scope.only ?? {});
    const conditions = [
      'experiment' in scope ? of.experiment : of.run,
      ...only.map(([name]) => `${source.columns[name]} = ?`),
    ];
    const owner = 'experiment' in scope ? scope.experiment : scope.run;
    const groups = by.map((name) => source.columns[name]).join(', ');
    const rest = [
      `where ${conditions.join(' and ')}`,
      ...(by.length === 0 ? [] : [`group by ${groups} order by ${groups}`]),
      ...(most === undefined ? [] : [`limit ${most}`]),
    ].join(' ');
    const selected = [
      ...by.map((name) => `${source.columns[name]} as "${name}"`),
      ...Object.entries(measures).map(
        ([name, measure]) => `${measureSql(source.columns, measure)} as "${name}"`,
      ),
    ];
    const named = Object.values(measures).flatMap((measure) => (measure.over === 'rows' ? [] : [measure.of]));
    const tables = tablesOf(source, [...by, ...named], rest);
    return {
      text: `select ${selected.join(', ')} from ${tables} ${rest}`,
      values: [owner, ...only.map(([, value]) => value)],
    };
  };
}

function measureSql(
  columns: Readonly<Record<string, string>>,
  measure: Measure<Readonly<Record<string, number>>>,
): string {
  if (measure.over === 'rows') return 'count(*)';
  const column = columns[measure.of];
  return measure.over === 'distinct' ? `count(distinct ${column})` : `${FUNCTIONS[measure.over]}(${column})`;
}

type AnyScope = ({ readonly experiment: string } | { readonly run: number }) & {
  readonly only?: Readonly<Record<string, string | number>>;
};

/** The conditions by which rows belong to an experiment and to a run. */
interface Owners {
  readonly experiment: string;
  readonly run: string;
}

function byRun(column: string): Owners {
  return { experiment: `${column} in (select id from runs where experiment_id = ?)`, run: `${column} = ?` };
}

export const runTotals = totalsOver(from.RUNS, { experiment: 'r.experiment_id = ?', run: 'r.id = ?' });
export const stepTotals = totalsOver(from.STEPS, byRun('i.run_id'));
export const embeddingTotals = totalsOver(from.EMBEDDINGS, byRun('i.run_id'));
export const diagramTotals = totalsOver(from.DIAGRAMS, byRun('d.run_id'));
export const dimensionTotals = totalsOver(from.DIMENSIONS, byRun('d.run_id'));
export const surrogateTotals = totalsOver(from.SURROGATES, byRun('d.run_id'));
