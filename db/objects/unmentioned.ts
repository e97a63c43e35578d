import type { StoredObject } from './object-store.js';

type Mentioned = Iterable<{ readonly sha256: Buffer }> | AsyncIterable<{ readonly sha256: Buffer }>;

/**
 * The objects of a listing that no row mentions. Both lists are in the order of their digests, so neither is
 * held in memory.
 */
export async function* unmentionedObjects(
  listing: AsyncIterable<StoredObject>,
  rows: Mentioned,
): AsyncGenerator<StoredObject, void, undefined> {
  const mentioned = iterated(rows);
  try {
    let row = await mentioned.next();
    for await (const object of listing) {
      while (row.done !== true && Buffer.compare(row.value.sha256, object.sha256) < 0) {
        row = await mentioned.next();
      }
      if (row.done === true || !row.value.sha256.equals(object.sha256)) yield object;
    }
  } finally {
    await mentioned.return();
  }
}

async function* iterated(rows: Mentioned): AsyncGenerator<{ readonly sha256: Buffer }, void, undefined> {
  yield* rows;
}
