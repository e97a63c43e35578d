import { contentDigest } from '../../db/content.js';
import { checkInvariants } from '../../db/doctor/index.js';
import { openStore } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { persistenceEntropy } from '../../tda/index.js';

export async function withStore<T>(data: string, use: (store: Store) => Promise<T> | T): Promise<T> {
  const store = openStore(data);
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

/** Every violation of the invariants of DESIGN section 7, as sentences; a sound store has none. */
export function violations(data: string): Promise<string[]> {
  return withStore(data, async ({ db, objects }) => {
    const found: string[] = [];
    for await (const violation of checkInvariants(db, objects, {
      deep: true,
      entropyOf: persistenceEntropy,
    })) {
      found.push(`${violation.invariant} ${violation.table} ${violation.id}: ${violation.message}`);
    }
    return found;
  });
}

/** SHA-256 over the content of an experiment: equal for equal results, whatever happened on the way. */
export function digestOf(data: string, experiment: string): Promise<string> {
  return withStore(data, ({ db }) => contentDigest(db, experiment));
}
