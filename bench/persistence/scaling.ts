import { figuresOf, groups, type Entry } from './entries.js';
import { markdownTable, significant } from '../common/markdown.js';

/** Ours with one thread and with more. Empty if one of them was not asked for. */
export function threadScaling(entries: readonly Entry[]): string[] {
  const ours = entries.filter((entry) => entry.contestant.program === 'ours');
  const rows = groups(ours, (entry) => [entry.family, entry.maxDimension, entry.pointCount]).flatMap(
    (group) => {
      const single = group.find((entry) => entry.contestant.threads === 1);
      const alone = single === undefined ? undefined : figuresOf(single)?.seconds;
      return group.flatMap((entry) => {
        const seconds = figuresOf(entry)?.seconds;
        if (entry.contestant.threads === 1 || alone === undefined || seconds === undefined) return [];
        return [
          [
            ...place(entry),
            String(entry.contestant.threads),
            significant(alone),
            significant(seconds),
            significant(alone / seconds),
          ],
        ];
      });
    },
  );
  if (rows.length === 0) return [];
  const header = ['family', 'dimension', 'n', 'threads', 's with 1 thread', 's with all', 'times as fast'];
  return ['## Threads', 'Ours, with one thread and with more.', markdownTable(header, rows, 1)];
}

/** The power of n between consecutive sizes of ours. */
export function growth(entries: readonly Entry[]): string[] {
  const ours = entries.filter((entry) => entry.contestant.program === 'ours');
  const rows = groups(ours, (entry) => [entry.family, entry.maxDimension, entry.contestant.threads]).flatMap(
    (group) =>
      group.slice(1).flatMap((entry, k) => {
        const before = group[k]!;
        const [from, to] = [figuresOf(before)?.seconds, figuresOf(entry)?.seconds];
        if (from === undefined || to === undefined) return [];
        const exponent = Math.log(to / from) / Math.log(entry.pointCount / before.pointCount);
        return [
          [
            entry.family,
            String(entry.maxDimension),
            String(entry.contestant.threads),
            `${before.pointCount} to ${entry.pointCount}`,
            significant(from),
            significant(to),
            exponent.toFixed(2),
          ],
        ];
      }),
  );
  if (rows.length === 0) return [];
  const header = ['family', 'dimension', 'threads', 'n', 's before', 's after', 'exponent'];
  return [
    '## Growth',
    'Ours: between one size and the next, seconds grow as this power of n. The number of pairs grows as its square.',
    markdownTable(header, rows, 1),
  ];
}

/** Shares of the classes of edges, if ours counts them. */
export function edgeClasses(entries: readonly Entry[]): string[] {
  const counted = groups(
    entries.filter((entry) => figuresOf(entry)?.edgeClasses !== undefined),
    (entry) => [entry.family, entry.maxDimension, entry.pointCount],
  ).map((group) => group[0]!);
  if (counted.length === 0) return [];
  const names = [...new Set(counted.flatMap((entry) => Object.keys(figuresOf(entry)!.edgeClasses!)))];
  const rows = counted.map((entry) => {
    const classes = figuresOf(entry)!.edgeClasses!;
    const edges = Object.values(classes).reduce((sum, count) => sum + count, 0);
    const share = (name: string): string => `${((100 * (classes[name] ?? 0)) / edges).toFixed(2)} %`;
    return [...place(entry), String(edges), ...names.map(share)];
  });
  const header = ['family', 'dimension', 'n', 'edges', ...names];
  return ['## Classes of edges', 'Ours: share of the edges in each class.', markdownTable(header, rows, 1)];
}

function place(entry: Entry): [family: string, maxDimension: string, pointCount: string] {
  return [entry.family, String(entry.maxDimension), String(entry.pointCount)];
}
