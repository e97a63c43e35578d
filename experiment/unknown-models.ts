import { hostname } from 'node:os';
import * as z from 'zod';
import type { ExperimentConfig } from './config.js';
import type { Catalogue } from './model.js';
import { listed } from './problems.js';

/** The models that an experiment names, each once. */
export function modelNames({
  networks,
  embedding_models,
}: Pick<ExperimentConfig, 'networks' | 'embedding_models'>): string[] {
  return [...new Set([...networks.flat(), ...embedding_models])];
}

/** Those of them that the catalogue has not. */
export function unknownModels(
  config: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  catalogue: Catalogue,
): string[] {
  return modelNames(config).filter((name) => !catalogue.has(name));
}

/** Which files a catalogue was read from, as a sentence without its full stop. */
export function catalogueText({ origin }: Catalogue): string {
  if (origin === undefined) return 'Read: a catalogue that a program made';
  const { files, variable, inModelsFolder } = origin;
  const read = files.map(({ path }) => `${path}${path === variable ? ' (PANIC_TDA_CATALOGUE)' : ''}`);
  const not = [
    ...(variable === null ? ['PANIC_TDA_CATALOGUE is not set'] : []),
    ...(variable !== null && !files.some(({ path }) => path === variable)
      ? [`${variable} (PANIC_TDA_CATALOGUE) could not be used`]
      : []),
    ...(inModelsFolder !== null && !files.some(({ path }) => path === inModelsFolder)
      ? [`${inModelsFolder} is not there`]
      : []),
  ];
  const own = read.length === 0 ? 'the built-in catalogue alone' : `the built-in catalogue, ${listed(read)}`;
  return `Read: ${own}${not.length === 0 ? '' : `; ${not.join(', and ')}`}`;
}

const madeWithSchema = z.array(
  z.object({ path: z.string(), sha256: z.string(), models: z.array(z.string()), machine: z.string() }),
);

/** A catalogue file of the user's that gave models to an experiment, and the machine that it was on. */
export type MadeWith = z.output<typeof madeWithSchema>[number];

/** The catalogue files of the user's that give models to an experiment; none where all of its models are built in. */
export function madeWith(
  config: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  { origin }: Catalogue,
): MadeWith[] {
  const names = new Set(modelNames(config));
  return (origin?.files ?? []).flatMap(({ path, sha256, models }) => {
    const given = models.filter((name) => names.has(name));
    return given.length === 0 ? [] : [{ path, sha256, models: given, machine: hostname() }];
  });
}

/** What `madeWith` gave, as it was stored; null where nothing was stored, as by versions before, or it cannot be read. */
export function storedMadeWith(json: string | null): MadeWith[] | null {
  if (json === null) return null;
  try {
    return madeWithSchema.safeParse(JSON.parse(json)).data ?? null;
  } catch {
    return null;
  }
}

/**
 * That the catalogue has not these models, which catalogue that is, and which one the experiment was made with. One text for
 * every command and activity; ends without a full stop.
 */
export function explainUnknown(
  names: readonly string[],
  catalogue: Catalogue,
  stored: readonly MadeWith[] | null = null,
): string {
  const noun = names.length === 1 ? 'model' : 'models';
  const found = `the catalogue has no ${noun} ${listed(names)} any more. ${catalogueText(catalogue)}`;
  const made = (stored ?? [])
    .filter(({ models }) => models.some((name) => names.includes(name)))
    .map(({ path, sha256, models, machine }) => {
      const given = listed(models.filter((name) => names.includes(name)));
      return `${given} came from ${path} on ${machine} (SHA-256 ${sha256.slice(0, 12)}…)`;
    });
  if (made.length > 0) {
    return `${found}. When the experiment was last started ${made.join(', and ')}; name that file with PANIC_TDA_CATALOGUE`;
  }
  const remedy =
    names.length === 1
      ? 'name the catalogue file that has it with PANIC_TDA_CATALOGUE'
      : 'name the catalogue file that has them with PANIC_TDA_CATALOGUE';
  return `${found}; ${remedy}`;
}
