import { setImmediate } from 'node:timers/promises';

/** Called with the number of rows that were read. */
export type OnRows = (rows: number) => void;

const TELL_EVERY = 500;
const TURN_MS = 20;

/** All loops share this time: a short loop within a long one must not start it anew. */
let turnSince = performance.now();

/** Yields the rows, reports their number, and lets other work of this process have its turn. */
export async function* paced<T>(rows: AsyncIterable<T>, onRows: OnRows): AsyncGenerator<T, void, undefined> {
  let seen = 0;
  for await (const row of rows) {
    yield row;
    if (++seen === TELL_EVERY) {
      onRows(seen);
      seen = 0;
    }
    if (performance.now() - turnSince < TURN_MS) continue;
    await setImmediate();
    turnSince = performance.now();
  }
  onRows(seen);
}
