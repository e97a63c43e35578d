import {
  connectStoreReadonly,
  contentOf,
  type ContentRow,
  type Store,
  type StorePlace,
} from '../../db/index.js';
import { assertNever } from '../../common/errors.js';
import { canonicalJson } from '../../experiment/ids.js';

/** A row of an experiment's content in which two stores differ: one lacks it, or has it with other values. */
export interface Difference {
  readonly how: 'missing' | 'doubled' | 'different' | 'unexpected';
  /** The row in words: "run 3, step 12". */
  readonly row: string;
}

const SHOWN = 20;

/**
 * Compares what two stores hold of an experiment, row by row and by meaning. `expected` counts as right.
 * Names the first twenty differences. Throws if a store has no database.
 */
export async function compareStores(
  expected: StorePlace,
  found: StorePlace,
  experiment: string,
): Promise<{ readonly rows: number; readonly differences: readonly Difference[] }> {
  const there = await rowsOf(expected, experiment);
  const here = await rowsOf(found, experiment);
  const differences: Difference[] = [];
  for (const [row, values] of there) {
    const others = here.get(row) ?? [];
    if (others.length < values.length) differences.push({ how: 'missing', row });
    else if (others.length > values.length) differences.push({ how: 'doubled', row });
    else if (others.join('\n') !== values.join('\n')) differences.push({ how: 'different', row });
  }
  for (const row of here.keys()) if (!there.has(row)) differences.push({ how: 'unexpected', row });
  const rows = [...there.values()].reduce((sum, values) => sum + values.length, 0);
  return { rows, differences: differences.slice(0, SHOWN) };
}

async function rowsOf(place: StorePlace, experiment: string): Promise<Map<string, string[]>> {
  const store = await openExisting(place);
  try {
    const rows = new Map<string, string[]>();
    for await (const row of contentOf(store.db, experiment)) {
      const name = nameOf(row);
      rows.set(name, [...(rows.get(name) ?? []), canonicalJson(row)]);
    }
    return rows;
  } finally {
    await store.close();
  }
}

function nameOf(row: ContentRow): string {
  switch (row.kind) {
    case 'run':
      return `run ${row.run}`;
    case 'invocation':
      return `run ${row.run}, step ${row.sequence}`;
    case 'embedding':
      return `run ${row.run}, step ${row.sequence}, vector of ${row.model}`;
    case 'diagram':
      return `run ${row.run}, diagram of ${row.model}, dimension ${row.dimension}`;
    case 'surrogate':
      return `run ${row.run}, surrogate ${row.index} (${row.nullModel}) of ${row.model}, dimension ${row.dimension}`;
    default:
      return assertNever(row);
  }
}

/** Throws if there is no database. */
export async function openExisting(place: StorePlace): Promise<Store> {
  const store = await connectStoreReadonly(place);
  if (store === null) throw new Error(`there is no database yet in ${place.folder}`);
  return store;
}
