import { PanicError } from '../../experiment/errors.js';
import type { Model } from '../../experiment/model.js';
import { nearest } from '../../experiment/nearest.js';
import { missingModelFiles, modelFolders, requiredFiles } from '../../models/index.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { table } from '../format.js';
import { heading, print, printJson } from '../output.js';

interface ModelDocument extends Record<string, unknown> {
  readonly name: string;
  readonly requiredFiles: readonly string[];
  /** Full paths, in the folder that is looked at first. */
  readonly missingFiles: readonly string[];
  /** Where the files may lie; the first folder that has them all is used. */
  readonly folders: readonly string[];
}

/** `models`: the catalogue as a table. */
export function listModels(context: Context): number {
  const models = [...context.catalogue.values()];
  if (context.json) printJson(models.map((model) => documentOf(context, model)));
  else {
    const rows = models.map((model) => [
      model.name,
      model.kind,
      `${model.input} → ${model.kind === 'generative' ? model.output : `${model.dimension}-d vector`}`,
      filesText(context, model),
      model.source,
    ]);
    print(table([['name', 'kind', 'takes and gives', 'files', 'source'], ...rows]));
  }
  return EXIT.ok;
}

/** `models NAME`: one model, and where its files are looked for. */
export function showModel(context: Context, name: string): number {
  const model = context.catalogue.get(name);
  if (model === undefined) {
    const meant = nearest(name, context.catalogue.keys());
    throw new PanicError(
      'InvalidInput',
      `no model "${name}" in the catalogue; ${meant === null ? `"${context.command('models')}" lists it` : `did you mean ${meant}?`}`,
    );
  }
  const document = documentOf(context, model);
  if (context.json) printJson(document);
  else printModel(model, document);
  return EXIT.ok;
}

function documentOf({ environment }: Context, model: Model): ModelDocument {
  return {
    ...model,
    requiredFiles: requiredFiles(model),
    missingFiles: missingModelFiles(model, environment.modelsFolder),
    folders: modelFolders(model, environment.modelsFolder),
  };
}

function filesText({ environment }: Context, model: Model): string {
  const needed = requiredFiles(model).length;
  if (needed === 0) return 'none needed';
  const missing = missingModelFiles(model, environment.modelsFolder).length;
  return missing === 0 ? 'present' : `${missing} of ${needed} missing`;
}

function printModel(model: Model, { requiredFiles: needed, missingFiles, folders }: ModelDocument): void {
  const settings = Object.entries(model.settings).map(([key, value]) => `${key}=${String(value)}`);
  const rows = [
    ['kind', model.kind],
    ['takes', model.input],
    ['gives', model.kind === 'generative' ? model.output : `a vector of ${model.dimension} dimensions`],
    ...(model.kind === 'generative'
      ? [['deterministic', model.deterministic ? 'yes: input and seed decide the output' : 'no']]
      : []),
    ['source', model.source],
    ['revision', model.revision],
    ['licence', model.license],
    ...(settings.length === 0 ? [] : [['settings', settings.join(', ')]]),
    ['files', needed.length === 0 ? 'none needed' : needed.join(', ')],
  ];
  print(`${heading(model.name)}  ${model.summary}\n`);
  print(table(rows));
  if (needed.length === 0) return;
  print(`\nLooked for in these folders; the first that has every file is used:\n  ${folders.join('\n  ')}`);
  if (missingFiles.length === 0) print('\nAll files are present.');
  else print(`\nMissing:\n  ${missingFiles.join('\n  ')}`);
}
