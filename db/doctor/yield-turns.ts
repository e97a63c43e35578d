import { setImmediate } from 'node:timers/promises';

/** Told of rows as they are looked at. */
export type OnRows = (rows: number) => void;

const TELL_EVERY = 500;
const TURN_MS = 20;

/** Of all loops together: a short one within a long one must not begin to count anew. */
let turnSince = performance.now();

/** Hands rows on, tells how many, and lets others of this process have their turn. */
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
