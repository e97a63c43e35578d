import { openReader } from '../../db/index.js';
import type { ExperimentRow, Store } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { nearest } from '../../common/nearest.js';
import type { Modality } from '../../experiment/artifact.js';

/** An embedding model with the exact revision and settings of its use. Each is analysed by itself. */
export interface ChosenModel {
  /** The id of its row. */
  readonly id: number;
  /** Its name; with its revision where experiments used several of one name. */
  readonly name: string;
  readonly input: Modality;
  readonly dimension: number;
}

/**
 * The embedding models of experiments, or those of one name.
 *
 * @throws PanicError `InvalidInput` if none has the name.
 */
export async function chooseModels(
  store: Store,
  experiments: readonly ExperimentRow[],
  name: string | undefined,
): Promise<ChosenModel[]> {
  const found = new Map<number, ChosenModel & { readonly revision: string }>();
  const reader = await openReader(store.db);
  try {
    for (const { id: experiment } of experiments) {
      for await (const { id, kind, dimension, ...row } of reader.modelsOf(experiment, OF_MODEL)) {
        if (kind === 'embedding' && dimension !== null) found.set(id, { id, dimension, ...row });
      }
    }
  } finally {
    await reader.close();
  }
  const all = [...found.values()];
  const chosen = name === undefined ? all : all.filter((model) => model.name === name);
  if (chosen.length === 0) throw unknownModel(name ?? '', new Set(all.map((model) => model.name)));
  return chosen.map(({ revision, ...model }) => {
    const isAlone = chosen.filter((other) => other.name === model.name).length === 1;
    return isAlone ? model : { ...model, name: `${model.name} (${revision}, row ${model.id})` };
  });
}

const OF_MODEL = ['id', 'name', 'kind', 'revision', 'input', 'dimension'] as const;

function unknownModel(name: string, names: ReadonlySet<string>): PanicError {
  if (names.size === 0) return new PanicError('InvalidInput', 'these experiments have no embeddings');
  const meant = nearest(name, names);
  const hint = meant === null ? '' : `; did you mean ${meant}?`;
  return new PanicError(
    'InvalidInput',
    `--model: no run of these experiments was embedded by "${name}"${hint}; there ${names.size === 1 ? 'is' : 'are'} ${[...names].join(', ')}`,
  );
}
