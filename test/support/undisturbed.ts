import { afterAll } from '@jest/globals';
import { contentDigest } from '../../db/read/content.js';
import { openStore } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { builtIn } from './built-in-experiment.js';
import { finishExperiment } from './small-experiment.js';
import { sharedTemporaryFolder } from './temporary-folder.js';

/** By the id of the experiment. */
const digests = new Map<string, Promise<string>>();

// Is open for the whole file: the decoders of pictures of a process stay while it has an open store.
const store = openStore(sharedTemporaryFolder());
afterAll(() => store.close());

/**
 * The content digest of an experiment of built-in models with fixed seeds, as it is where nothing disturbs it:
 * this process makes step after step, vector after vector, without workers and without Temporal.
 */
export async function undisturbedDigest(file: unknown): Promise<string> {
  const { config, models } = await builtIn(file);
  if (config.seeds.includes(-1)) throw new Error('each store draws its own number for seed -1');
  const id = experimentId(config);
  const digest =
    digests.get(id) ?? finishExperiment(store, config, models).then(() => contentDigest(store.db, id));
  digests.set(id, digest);
  return await digest;
}
