import type { Family } from '../common/clouds.js';
import type { Contestant, Figures, Outcome } from './measurement.js';

/** One cell of the table. */
export interface Entry {
  readonly family: Family;
  readonly pointCount: number;
  readonly maxDimension: number;
  readonly contestant: Contestant;
  /** `skipped`: it was late or failed at a smaller size. */
  readonly outcome: Outcome | { readonly kind: 'skipped'; readonly after: 'late' | 'failed' };
}

/** Undefined unless it was done. */
export function figuresOf({ outcome }: Entry): Figures | undefined {
  return outcome.kind === 'done' ? outcome.figures : undefined;
}

/** Groups entries of equal keys; families in their order, numbers rising. */
export function groups(
  entries: readonly Entry[],
  keyOf: (entry: Entry) => readonly (string | number)[],
): Entry[][] {
  const found = new Map<string, Entry[]>();
  const families = [...new Set(entries.map((entry) => entry.family))];
  const sorted = entries.toSorted(
    (a, b) =>
      families.indexOf(a.family) - families.indexOf(b.family) ||
      a.maxDimension - b.maxDimension ||
      a.pointCount - b.pointCount,
  );
  for (const entry of sorted) {
    const key = keyOf(entry).join(' ');
    const group = found.get(key);
    if (group === undefined) found.set(key, [entry]);
    else group.push(entry);
  }
  return [...found.values()];
}
