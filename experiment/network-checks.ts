import type { Modality } from './artifact.js';
import { MODALITY_FACTS } from './modality.js';
import { listIn, type Fields } from './field-checks.js';
import { MAX_LENGTH_LIMIT } from './config.js';
import { modelOfKind } from './model.js';
import type { Catalogue, GenerativeModel, Model } from './model.js';
import { nearest } from '../common/nearest.js';
import { listed, pathText, problem, quoted, type Problem } from '../common/problems.js';
import { catalogueText } from './unknown-models.js';

/** Models of another kind than their place needs. */
export function modelProblems(fields: Fields, catalogue: Catalogue): Problem[] {
  return namedModels(fields).flatMap(({ path, name, kind }) => {
    const model = catalogue.get(name);
    if (model === undefined || model.kind === kind) return [];
    const fitting = `${WITH_ARTICLE[kind]}: ${listed(fittingNames(kind, catalogue))}`;
    return [problem(pathText(path), `${quoted(name)}, ${WITH_ARTICLE[model.kind]}`, fitting)];
  });
}

/** Names that the catalogue does not have, or lists as unavailable. */
export function unknownModelProblems(fields: Fields, catalogue: Catalogue): Problem[] {
  return namedModels(fields)
    .filter(({ name }) => !catalogue.has(name))
    .map(({ path, name, kind }) => {
      const unavailable = catalogue.unavailable?.get(name);
      if (unavailable !== undefined) {
        const found = `${quoted(name)}, which this program cannot run: ${unavailable.missing}`;
        return problem(pathText(path), found, unavailable.instead);
      }
      const fitting = fittingNames(kind, catalogue);
      const near = nearest(name, fitting);
      const allowed =
        near === null ? `${WITH_ARTICLE[kind]}: ${listed(fitting)}` : `did you mean ${quoted(near)}?`;
      const unknown = problem(pathText(path), `the unknown model ${quoted(name)}`, allowed);
      return catalogue.origin === undefined ? unknown : { ...unknown, note: `${catalogueText(catalogue)}.` };
    });
}

interface NamedModel {
  readonly path: readonly PropertyKey[];
  readonly name: string;
  /** The kind that its place needs. */
  readonly kind: Model['kind'];
}

/** All named models of the experiment, with their places. */
function namedModels(fields: Fields): NamedModel[] {
  const places = [
    ...listIn(fields['networks']).flatMap((network, i) =>
      listIn(network).map((name, j) => ({ path: ['networks', i, j], name, kind: 'generative' as const })),
    ),
    ...listIn(fields['embedding_models']).map((name, k) => ({
      path: ['embedding_models', k],
      name,
      kind: 'embedding' as const,
    })),
  ];
  return places.flatMap(({ path, name, kind }) =>
    typeof name === 'string' && name !== '' ? [{ path, name, kind }] : [],
  );
}

function fittingNames(kind: Model['kind'], catalogue: Catalogue): string[] {
  return namesOf(catalogue, (candidate) => candidate.kind === kind);
}

/**
 * Networks whose first model does not take a prompt, and neighbours (the last and the first model included)
 * that do not connect.
 */
export function connectionProblems(fields: Fields, catalogue: Catalogue): Problem[] {
  const maxLength = maxLengthOf(fields);
  return listIn(fields['networks']).flatMap((value, i) => {
    const problems: Problem[] = [];
    const models = listIn(value).map((name) => generativeModel(name, catalogue));
    for (const [j, model] of models.entries()) {
      const before = models[j - 1];
      if (model === null) continue;
      if (j === 0 && model.input !== 'text') problems.push(firstModelProblem(i, model, catalogue));
      if (before && before.output !== model.input) {
        const found = `${quoted(model.name)} takes ${pluralOf(model.input)} but ${quoted(before.name)} before it gives ${pluralOf(before.output)}`;
        problems.push(problem(pathText(['networks', i, j]), found, takers(before.output, catalogue)));
      }
    }
    const [first, last] = [models[0], models.at(-1)];
    if (first && last && last.output !== first.input && maxLength > models.length) {
      const found = `${quoted(last.name)} gives ${pluralOf(last.output)} but ${quoted(first.name)}, the first again, takes ${pluralOf(first.input)}`;
      const allowed = `a last model that gives ${pluralOf(first.input)}, or a max_length of at most ${models.length}`;
      problems.push(problem(pathText(['networks', i]), found, allowed));
    }
    return problems;
  });
}

function firstModelProblem(network: number, model: GenerativeModel, catalogue: Catalogue): Problem {
  const found = `${quoted(model.name)}, which takes ${pluralOf(model.input)}, as the first model`;
  return problem(
    pathText(['networks', network, 0]),
    found,
    `${takers('text', catalogue)} (runs start from a prompt)`,
  );
}

/**
 * Embedding models that have nothing to embed in a network, because it gives no output of their modality
 * within max_length.
 */
export function embeddingMatchProblems(fields: Fields, catalogue: Catalogue): Problem[] {
  const outputs = listIn(fields['networks']).map((network) =>
    outputsOf(network, maxLengthOf(fields), catalogue),
  );
  return listIn(fields['embedding_models']).flatMap((name, k) => {
    const model = typeof name === 'string' ? modelOfKind(catalogue, name, 'embedding') : null;
    if (model === null) return [];
    const without = outputs.flatMap((modalities, i) =>
      modalities === null || modalities.has(model.input) ? [] : [pathText(['networks', i])],
    );
    if (without.length === 0) return [];
    const found = `${quoted(model.name)}, which embeds ${pluralOf(model.input)}; none come out of ${listed(without, 5)}`;
    const allowed = 'embedding models that match an output of every network within max_length';
    return [problem(pathText(['embedding_models', k]), found, allowed)];
  });
}

/**
 * The modalities of a network's outputs within `maxLength` steps; null if the network is empty or has a model
 * that the catalogue does not have.
 */
function outputsOf(network: unknown, maxLength: number, catalogue: Catalogue): Set<Modality> | null {
  const occurring = listIn(network).slice(0, maxLength);
  const modalities = new Set<Modality>();
  for (const name of occurring) {
    const model = generativeModel(name, catalogue);
    if (model === null) return null;
    modalities.add(model.output);
  }
  return occurring.length === 0 ? null : modalities;
}

/**
 * The given value if it is valid; otherwise infinity, so that the checks still treat the networks as loops.
 */
function maxLengthOf(fields: Fields): number {
  const value = fields['max_length'];
  const valid =
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_LENGTH_LIMIT;
  return valid ? value : Number.POSITIVE_INFINITY;
}

const WITH_ARTICLE = { generative: 'a generative model', embedding: 'an embedding model' } as const;

function pluralOf(modality: Modality): string {
  return MODALITY_FACTS[modality].plural;
}

function takers(modality: Modality, catalogue: Catalogue): string {
  const names = namesOf(catalogue, (model) => model.kind === 'generative' && model.input === modality);
  return `a model that takes ${pluralOf(modality)}: ${listed(names)}`;
}

function namesOf(catalogue: Catalogue, wanted: (model: Model) => boolean): string[] {
  return [...catalogue].filter(([, model]) => wanted(model)).map(([name]) => name);
}

function generativeModel(name: unknown, catalogue: Catalogue): GenerativeModel | null {
  return typeof name === 'string' ? modelOfKind(catalogue, name, 'generative') : null;
}
