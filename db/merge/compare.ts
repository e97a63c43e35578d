import { assertNever } from '../../common/errors.js';
import type { ContentOfRun, ContentRow } from '../read/content.js';
import { excerptOf } from '../../common/text.js';
import { isFurther } from '../../experiment/run-status.js';
import { runIndices } from './run-indices.js';
import type { RunIndices } from './run-indices.js';

/**
 * The parts of an experiment that one store has and another lacks, and the contradictions between the two.
 */
export interface Difference {
  /** Rows that the target does not have. */
  readonly missing: Readonly<Record<ContentRow['kind'], number>>;
  /** Indices of runs to which the source can add rows. */
  readonly runs: RunIndices;
  /** The number of rows that the source does not have. */
  readonly ahead: number;
  /** Runs that both stores have and that contradict each other: a line for each of the first few. */
  readonly conflicts: readonly string[];
  readonly conflictingRuns: number;
  /** How many of these have another drawn seed, so that they are other runs. */
  readonly drawnApart: number;
  /** Runs that both stores have without a contradiction. */
  readonly agreeingRuns: number;
}

const CONFLICTS_TOLD = 20;

const KINDS: readonly ContentRow['kind'][] = ['run', 'invocation', 'embedding', 'diagram', 'surrogate'];

/**
 * Compares an experiment's content in two stores. It reads both in the order of `contentOf` side by side, so
 * that it holds nothing in memory. Rows in both must be equal, except for how far a run is.
 */
export async function compareContent(
  source: AsyncIterable<ContentRow>,
  target: AsyncIterable<ContentRow>,
): Promise<Difference> {
  const missing = { run: 0, invocation: 0, embedding: 0, diagram: 0, surrogate: 0 };
  const runs = runIndices();
  const conflicts: { readonly told: string; rows: number }[] = [];
  /** The last run with a contradiction. */
  let conflicting = { run: -1, drawnApart: false };
  let [runsInBoth, conflictingRuns, drawnApart] = [0, 0, 0];
  let ahead = 0;
  const left = source[Symbol.asyncIterator]();
  const right = target[Symbol.asyncIterator]();
  try {
    let mine = await left.next();
    let theirs = await right.next();
    while (mine.done !== true || theirs.done !== true) {
      const order =
        mine.done === true ? 1 : theirs.done === true ? -1 : compareKeys(mine.value, theirs.value);
      if (order < 0 && mine.done !== true) {
        missing[mine.value.kind]++;
        runs.add(mine.value.run);
      }
      if (order > 0) ahead++;
      if (order === 0 && mine.done !== true && theirs.done !== true) {
        if (mine.value.kind === 'run') runsInBoth++;
        const { run } = mine.value;
        const told = contradiction(mine.value, theirs.value);
        if (told !== null && conflicting.run !== run) {
          conflicting = { run, drawnApart: told.field === 'drawnSeed' };
          conflictingRuns++;
          if (conflicting.drawnApart) drawnApart++;
          if (conflicts.length < CONFLICTS_TOLD) conflicts.push({ told: told.text, rows: 0 });
        } else if (told !== null && !conflicting.drawnApart && conflictingRuns === conflicts.length) {
          // The report names this run; with another drawn seed every row differs.
          conflicts.at(-1)!.rows++;
        }
        if (mine.value.kind === 'run' && theirs.value.kind === 'run') {
          if (isFurther(mine.value.status, theirs.value.status)) runs.add(mine.value.run);
          else if (mine.value.status !== theirs.value.status) ahead++;
        }
      }
      if (order <= 0) mine = await left.next();
      if (order >= 0) theirs = await right.next();
    }
  } finally {
    await left.return?.();
    await right.return?.();
  }
  return {
    missing,
    runs,
    ahead,
    conflicts: conflicts.map(({ told, rows }) =>
      rows === 0 ? told : `${told}, and ${rows} more of its rows`,
    ),
    conflictingRuns,
    drawnApart,
    agreeingRuns: runsInBoth - conflictingRuns,
  };
}

type Key = readonly (string | number)[];

function keyOf(row: ContentRow): Key {
  const { run, kind } = row;
  const place = [run, KINDS.indexOf(kind)];
  switch (row.kind) {
    case 'run':
      return place;
    case 'invocation':
      return [...place, row.sequence];
    case 'embedding':
      return [...place, ...modelKey(row.model), row.sequence];
    case 'diagram':
      return [...place, ...modelKey(row.model), row.dimension];
    case 'surrogate':
      return [...place, ...modelKey(row.model), row.nullModel, row.index, row.dimension];
    default:
      return assertNever(row);
  }
}

/** Name and revision, which order the rows. */
function modelKey(model: string): readonly [string, string] {
  const at = model.indexOf('@');
  return [model.slice(0, at), model.slice(at + 1)];
}

function compareKeys(a: ContentRow, b: ContentRow): number {
  const [left, right] = [keyOf(a), keyOf(b)];
  for (let place = 0; place < Math.min(left.length, right.length); place++) {
    if (left[place]! < right[place]!) return -1;
    if (left[place]! > right[place]!) return 1;
  }
  return left.length - right.length;
}

interface Contradiction {
  readonly field: string;
  readonly text: string;
}

/** The contradiction between two rows of one key, or null. */
function contradiction(source: ContentRow, target: ContentRow): Contradiction | null {
  const where = `run ${source.run}${placeOf(source)}`;
  const told = (field: string, mine: unknown, theirs: unknown): Contradiction => ({
    field,
    text: `${where}: ${field === 'drawnSeed' ? 'the drawn seed' : field} is ${shown(mine)} in the source and ${shown(theirs)} in the target`,
  });
  const fields = source.kind === 'run' ? PLANNED : fieldsOf(source, target);
  for (const field of fields) {
    const [mine, theirs] = [valueOf(source, field), valueOf(target, field)];
    if (mine !== theirs && !isUntold(source, field)) return told(field, mine, theirs);
  }
  if (source.kind !== 'run' || target.kind !== 'run') return null;
  // A run that has ended in both stores has ended in the same way. If it continues in either, its steps are
  // compared.
  if (source.stopReason === null || target.stopReason === null) return null;
  const ends = fieldsOf(source, target).find(
    (field) =>
      !STANDING.has(field) && !isUntold(source, field) && valueOf(source, field) !== valueOf(target, field),
  );
  return ends === undefined ? null : told(ends, valueOf(source, ends), valueOf(target, ends));
}

const PLANNED: readonly (keyof ContentOfRun)[] = ['network', 'seed', 'drawnSeed', 'prompt', 'maxLength'];
/** Fields that say how far a run is; a difference there is no contradiction. */
const STANDING: ReadonlySet<string> = new Set(['status', 'errorKind'] satisfies (keyof ContentOfRun)[]);

/** The fields of either row: a null may be left out. */
function fieldsOf(source: ContentRow, target: ContentRow): readonly string[] {
  const more = Object.keys(target).filter((field) => !(field in source));
  return more.length === 0 ? Object.keys(source) : [...Object.keys(source), ...more];
}

/**
 * Whether the content of a source's row leaves out the field: the column came with a later migration, and an
 * older version wrote the row without it. Then the row contradicts no value of the target's.
 */
function isUntold(source: ContentRow, field: string): boolean {
  return !(field in source);
}

function placeOf(row: ContentRow): string {
  switch (row.kind) {
    case 'run':
      return '';
    case 'invocation':
      return `, invocation ${row.sequence}`;
    case 'embedding':
      return `, ${row.model}, vector of invocation ${row.sequence}`;
    case 'diagram':
      return `, ${row.model}, diagram in dimension ${row.dimension}`;
    case 'surrogate':
      return `, ${row.model}, surrogate ${row.nullModel} ${row.index} in dimension ${row.dimension}`;
    default:
      return assertNever(row);
  }
}

function valueOf(row: ContentRow, field: string): unknown {
  return Reflect.get(row, field) ?? null;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return excerptOf(text, 40);
}
