import { connectStore } from '../../db/index.js';
import type { ExperimentRow, RunRow, Store } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { closeFolder } from './closed-folder.js';
import { readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { findExperiment } from '../lookup/find-experiment.js';

/**
 * Opens a store that has experiments for writing, beside other writers.
 * @throws PanicError `InvalidInput` if it has none, or if its tables are not those of this version: an
 * operator's command must not change tables under workers.
 */
export async function withWritableStore<T>(
  context: Context,
  use: (store: Store) => T | Promise<T>,
): Promise<T> {
  await readingExperiments(context, () => undefined);
  closeFolder(context);
  const open = (): Promise<Store> => connectStore(context.place);
  const store = await (context.asking === undefined ? open() : context.asking(open));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/**
 * The experiment of this id.
 * @throws PanicError `InvalidInput` if there is none, or if it is being deleted.
 */
export async function requireExperiment(context: Context, store: Store, id: string): Promise<ExperimentRow> {
  const row = await findExperiment(context, store, id);
  if (row.deletingAt === null) return row;
  throw new PanicError(
    'InvalidInput',
    `experiment ${row.id} is being deleted; "${context.command('delete', row.id)}" deletes the rest of it`,
  );
}

/**
 * Run `index` of an experiment.
 * @throws PanicError `InvalidInput` if the experiment has no such run.
 */
export async function requireRun(
  store: Store,
  { id, runCount }: ExperimentRow,
  index: number,
): Promise<RunRow> {
  if (index >= runCount) {
    const there = runCount === 1 ? 'only run 0' : `runs 0 to ${runCount - 1}`;
    throw new PanicError('InvalidInput', `experiment ${id} has no run ${index}; it has ${there}`);
  }
  return await store.runs.get(id, index);
}
