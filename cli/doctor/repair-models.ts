import { statisticsCode } from '../../activities/index.js';
import type { Store } from '../../db/index.js';
import type { Means } from '../../db/doctor/index.js';
import { createModelPool } from '../../models/index.js';
import { BAR_MEASURES } from '../../tda/index.js';
import type { Context } from '../context.js';

/** The models of this machine. The first call starts them, and `close` ends them. */
export async function repairModels(
  context: Context,
  store: Store,
): Promise<{ readonly means: Means; close(): Promise<void> }> {
  const { environment, catalogue } = context;
  const pool = await createModelPool(environment);
  return {
    means: {
      catalogue,
      generate: (model, input, seed) => pool.generate(model.name, input, seed),
      measures: BAR_MEASURES,
      statistics: statisticsCode(store, Date.now),
      now: Date.now,
    },
    close: () => pool.close(),
  };
}
