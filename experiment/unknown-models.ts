import { modelNames, type ExperimentConfig } from './config.js';
import type { MadeWith } from './made-with.js';
import type { Catalogue } from './model.js';
import { listed } from '../common/problems.js';

/** The models of an experiment that the catalogue does not have. */
export function unknownModels(
  config: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  catalogue: Catalogue,
): string[] {
  return modelNames(config).filter((name) => !catalogue.has(name));
}

/** Names the files that a catalogue was read from, as a sentence without its full stop. */
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

/**
 * Says which models the catalogue does not have, which catalogue that is, and with which catalogue the
 * experiment was made. Every command and activity uses this one text; it ends without a full stop.
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
