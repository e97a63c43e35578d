import { connectStoreReadonly, type Store, type StorePlace } from '../../db/index.js';

/** The progress of an experiment in its rows. */
export interface Standing {
  readonly status: string;
  /** Runs that are pending or running. */
  readonly open: number;
  readonly cancelled: number;
  /** Runs that failed, and why. */
  readonly failed: readonly { readonly run: number; readonly reason: string }[];
  readonly runs: number;
}

/** Looks at the rows of a store that may be away, or not made yet. */
export interface Observer {
  /** Invocations of all experiments; the last number that was seen, while the store is away. */
  invocations(): Promise<number>;
  /** Null if the store does not answer. */
  standing(experiment: string): Promise<Standing | null>;
  close(): Promise<void>;
}

const RUNS = `
  select run_index as run, status, error_kind as kind, error_message as message from runs where experiment_id = ?
  order by run_index`;

export function createObserver(place: StorePlace): Observer {
  let open: Store | null = null;
  let last = 0;

  /** Null while the store is away. A lost connection is made anew. */
  async function looking<T>(look: (store: Store) => Promise<T>): Promise<T | null> {
    try {
      open ??= await connectStoreReadonly(place);
      return open === null ? null : await look(open);
    } catch {
      await close();
      return null;
    }
  }

  async function close(): Promise<void> {
    const closing = open;
    open = null;
    await closing?.close().catch(() => undefined);
  }

  return {
    async invocations() {
      const seen = await looking(async (store) => {
        const [row] = await rows<{ count: number }>(store, 'select count(*) as count from invocations');
        return row?.count ?? 0;
      });
      last = seen ?? last;
      return last;
    },
    standing: (experiment) =>
      looking(async (store) => {
        const { status } = await store.experiments.get(experiment);
        const runs = await rows<{ run: number; status: string; kind: string | null; message: string | null }>(
          store,
          RUNS,
          experiment,
        );
        const count = (...wanted: string[]): number =>
          runs.filter((run) => wanted.includes(run.status)).length;
        return {
          status,
          open: count('pending', 'running'),
          cancelled: count('cancelled'),
          failed: runs
            .filter((run) => run.status === 'failed')
            .map(({ run, kind, message }) => ({ run, reason: `${kind}: ${message}` })),
          runs: runs.length,
        };
      }),
    close,
  };
}

async function rows<T>(store: Store, query: string, ...values: string[]): Promise<T[]> {
  const snapshot = await store.db.snapshot();
  try {
    const found: T[] = [];
    for await (const row of snapshot.rows<T>(query, ...values)) found.push(row);
    return found;
  } finally {
    await snapshot.close();
  }
}
