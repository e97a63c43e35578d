import { SURROGATE_KINDS } from '../../experiment/config.js';
import type { NullModel } from '../../experiment/config.js';
import { describe, rangeProblem, SURROGATE_STATISTICS } from '../../experiment/statistics.js';
import type { KeptOf } from '../../experiment/statistics.js';
import type { Snapshot } from '../connection/database.js';
import { experimentReader } from '../read/experiment-reader.js';
import type { StoredDiagram, StoredSurrogate } from '../read/rows.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import type { Repair } from './repair.js';

/** Numbers that the checks compare with each other. */
const RELATED: readonly KeptOf<'surrogate'>[] = ['barCount', 'longestBar', 'totalPersistence', 'entropy'];

type Measured = Pick<StoredDiagram, 'id' | 'maxDimension' | 'pointCount'>;

export interface SurrogateProblem {
  /** The key of the row, diagram/kind/index/dimension; or the first parts of it, if rows are missing. */
  readonly id: string;
  readonly text: string;
  readonly repair: Repair;
}

/** The largest relative difference between two orders of the same sum. */
const SUM_TOLERANCE = 1e-9;

/**
 * The faults of the surrogates of one diagram of a run. The null model asks for these surrogates, and if the
 * diagram must be `complete`, all of them exist. Each has every homology dimension, and values that bars can
 * have.
 */
export async function* surrogateProblems(
  snapshot: Snapshot,
  run: number,
  diagram: Measured,
  asked: NullModel | null,
  complete: boolean,
  onRows: OnRows,
): AsyncGenerator<SurrogateProblem, void, undefined> {
  /** Homology dimensions of each surrogate, by kind and index. */
  const made = new Map<string, { readonly remake: Repair; readonly dimensions: Set<number> }>();
  const rows = experimentReader(snapshot).surrogatesOf({ diagram: diagram.id });
  for await (const row of paced(rows, onRows)) {
    const { kind: surrogate, surrogateIndex: index } = row;
    const remake: Repair = { kind: 'delete surrogates', diagram: diagram.id, surrogate, index };
    const known = made.get(`${surrogate}/${index}`) ?? { remake, dimensions: new Set() };
    made.set(`${surrogate}/${index}`, known);
    known.dimensions.add(row.dimension);
    const id = `${diagram.id}/${surrogate}/${index}/${row.dimension}`;
    if (!isAskedFor(row, asked)) {
      yield { id, text: 'its experiment does not ask for this surrogate', repair: remake };
    }
    for (const text of valueProblems(row, diagram)) yield { id, text, repair: remake };
  }
  for (const [surrogate, { remake, dimensions }] of made) {
    for (let dimension = 0; dimension <= diagram.maxDimension; dimension++) {
      const id = `${diagram.id}/${surrogate}/${dimension}`;
      if (!dimensions.has(dimension)) {
        yield { id, text: `dimension ${dimension} is missing`, repair: remake };
      }
    }
  }
  if (!complete || asked === null) return;
  for (const kind of asked.kinds) {
    const indices = Array.from({ length: asked.surrogates }, (_, index) => index);
    const missing = indices.filter((index) => !made.has(`${kind}/${index}`));
    if (missing.length === 0) continue;
    const text = `${missing.length} of its ${asked.surrogates} surrogates are missing, the first is ${missing[0]}`;
    yield { id: `${diagram.id}/${kind}`, text, repair: { kind: 'reopen run', run } };
  }
}

function isAskedFor({ kind, surrogateIndex: index }: StoredSurrogate, asked: NullModel | null): boolean {
  return (
    asked !== null && index >= 0 && index < asked.surrogates && asked.kinds.some((name) => name === kind)
  );
}

function* valueProblems(row: StoredSurrogate, diagram: Measured): Generator<string> {
  const { dimension, barCount, longestBar, totalPersistence, entropy } = row;
  if (!SURROGATE_KINDS.some((kind) => kind === row.kind)) yield `there are no surrogates of kind ${row.kind}`;
  if (dimension > diagram.maxDimension) {
    yield `it is of dimension ${dimension}, its diagram has 0 to ${diagram.maxDimension}`;
  }
  const [least, most] = dimension === 0 ? [1, diagram.pointCount] : [0, Infinity];
  if (!(barCount >= least && barCount <= most)) {
    yield `it has ${barCount} bars in dimension ${dimension} for ${diagram.pointCount} points`;
  }
  const sum = barCount * longestBar * (1 + SUM_TOLERANCE);
  if (
    !(longestBar >= 0 && longestBar <= totalPersistence && totalPersistence <= sum && sum < Infinity) ||
    (longestBar === 0) !== (totalPersistence === 0)
  ) {
    yield `its longest bar is ${longestBar}, all ${barCount} together have ${totalPersistence}`;
  }
  const highest = longestBar > 0 ? Math.log(barCount) : 0;
  if (!(entropy >= 0 && entropy <= highest + SUM_TOLERANCE * (1 + highest))) {
    yield `its entropy is ${entropy}; ${barCount} bars have one from 0 to ${highest}`;
  }
  for (const name of SURROGATE_STATISTICS) {
    const description = describe(name);
    if (RELATED.includes(name) || (row[name] === null && description.nullRule !== null)) continue;
    const outside = rangeProblem(description, row[name]);
    if (outside !== null) yield outside;
  }
}
