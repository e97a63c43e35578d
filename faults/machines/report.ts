import { markdownTable } from '../../bench/common/markdown.js';
import { seconds, type EventRecord } from './events.js';

/** The table of events, in Markdown. */
export function eventTable(records: readonly EventRecord[]): string {
  const header = ['event', 'seen', 'at', 'lasted', 'runs met', 'first goes on', 'last goes on', 'after'];
  const rows = records.map(({ name, atMs, lastedMs, runs, next, after, failures, restarts, remarks }) => [
    name,
    [
      ...remarks,
      ...(failures > 0 ? [`${failures} failed attempts logged`] : []),
      ...(restarts > 0 ? [`${restarts} services ended and were started again`] : []),
    ].join('; '),
    seconds(atMs),
    seconds(lastedMs),
    String(runs),
    seconds(next.firstMs),
    seconds(next.lastMs),
    `its ${after}`,
  ]);
  return markdownTable(header, rows, 2);
}
