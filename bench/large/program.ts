/**
 * `program.js BUILD WHAT FOLDER [N]`: makes or measures one thing in a process of its own, with the modules
 * of a build (its folder `dist`), which may be an older one.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as summaryModule from '../../cli/documents/summary.js';
import type * as dbModule from '../../db/index.js';
import type * as modelsModule from '../../models/index.js';
import { makeCalls, makeLong, makeWide, points } from './stores.js';

const [build = '', what = '', folder = '', size = '0'] = process.argv.slice(2);
const moduleOf = (path: string): string => pathToFileURL(join(build, path)).href;
const { openStore }: typeof dbModule = await import(moduleOf('db/index.js'));
const store = openStore(folder);

/** The id of the store's only experiment. */
async function experiment(): Promise<string> {
  return (await store.experiments.list())[0]!.id;
}

try {
  switch (what) {
    case 'make-long':
      await makeLong(store, Number(size));
      break;
    case 'make-wide':
      await makeWide(store, Number(size));
      break;
    case 'make-calls': {
      const { catalogue }: typeof modelsModule = await import(moduleOf('models/index.js'));
      const models = ['DummyT2I', 'DummyI2T'].flatMap((name) => {
        const model = catalogue.get(name);
        return model?.kind === 'generative' ? [model] : [];
      });
      await makeCalls(store, Number(size), models);
      break;
    }
    case 'reuse': {
      const run = await store.runs.get(await experiment(), 0);
      const model = await store.provenance.modelId(points);
      const left = await store.vectors.reuse(await store.vectors.pending(run, model, 'text'), model);
      if (left.length > 0) throw new Error(`${left.length} outputs were left`);
      break;
    }
    case 'preview':
      await store.deletion.preview(await experiment());
      break;
    case 'summary': {
      const summaries: typeof summaryModule = await import(moduleOf('cli/documents/summary.js'));
      await summaries.summaryDocument(store, await experiment(), { wallMs: null });
      break;
    }
    case 'open':
      await store.experiments.find(await experiment());
      break;
    default:
      throw new Error(`there is no "${what}"`);
  }
} finally {
  await store.close();
}
