import { driverOf } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import type { Context } from '../context.js';
import { createObserver } from './who-drives.js';
import { requireExperiment, withWritableStore } from './open-for-writing.js';
import { note } from '../terminal/output.js';

/**
 * `--take-over`: takes an experiment from a Temporal service that does not answer here, and that the user says
 * is gone for good.
 * @throws PanicError `InvalidInput` if the experiment has another driver a moment later.
 */
export async function takeOver(context: Context, id: string): Promise<void> {
  await withWritableStore(context, async (store) => {
    const row = await requireExperiment(context, store, id);
    const driver = driverOf(row);
    const observer = createObserver(context);
    try {
      const driven = await observer.driven(row);
      if (driver === null || driven.by !== 'elsewhere') {
        note(`No other Temporal service has experiment ${row.id}; there is nothing to take over.`);
        return;
      }
      if (!(await store.experiments.forgetDriver(row.id, driver))) {
        throw new PanicError(
          'InvalidInput',
          `experiment ${row.id} was started or ended just now; look at its status`,
        );
      }
      note(`Experiment ${row.id} is taken from ${driven.place}.`);
    } finally {
      await observer.close();
    }
  });
}
