import type { Means } from '../../db/index.js';
import { createModelPool } from '../../models/index.js';
import type { Context } from '../context.js';

/** The models of this machine, started when the first is asked; `close` ends them. */
export function repairModels(context: Context): { readonly means: Means; close(): Promise<void> } {
  const { environment, catalogue } = context;
  const pool = createModelPool(environment);
  return {
    means: {
      catalogue,
      generate: (model, input, seed) => pool.generate(model.name, input, seed),
      now: Date.now,
    },
    close: () => pool.close(),
  };
}
