import { assertNever } from '../common/errors.js';
import { nearest } from '../common/nearest.js';
import { described, listed, pathText, problem, quoted, type Problem } from '../common/problems.js';
import { MAX_RUNS } from './config.js';
import { FIELD_NAMES } from './fields.js';
import { allowedAt, NULL_MODEL_FIELD_NAMES } from './schema.js';
import { isBlank, textFault } from '../common/text.js';

/**
 * An experiment as the user gave it. Any field may be missing or of any type; each check looks only at what
 * it can use.
 */
export type Fields = Readonly<Record<string, unknown>>;

export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function unknownFieldProblems(fields: Fields): Problem[] {
  const nullModel = fields['null_model'];
  return [
    ...unknownFields(fields, [], FIELD_NAMES),
    ...(isFields(nullModel) ? unknownFields(nullModel, ['null_model'], NULL_MODEL_FIELD_NAMES) : []),
  ];
}

function unknownFields(fields: Fields, path: readonly string[], known: readonly string[]): Problem[] {
  return Object.keys(fields)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const near = nearest(key, known);
      const allowed = near === null ? `the fields ${listed(known)}` : `did you mean ${quoted(near)}?`;
      return problem(pathText([...path, key]), 'an unknown field', allowed);
    });
}

/** The user gives exactly one of `seeds` and `seed_count`. */
export function seedChoiceProblems(fields: Fields): Problem[] {
  const given = ['seeds', 'seed_count'].filter((key) => fields[key] !== undefined);
  if (given.length === 2) return [problem('seed_count', 'both seeds and seed_count', 'one of the two')];
  if (given.length === 1) return [];
  return [
    problem('seeds', 'nothing', 'seeds (a list of integers from -1) or seed_count (how many seeds of -1)'),
  ];
}

/**
 * There are as many drawn seeds as runs of seed -1. This check does not repeat problems that another check
 * reports.
 */
export function drawnSeedProblems(fields: Fields): Problem[] {
  const drawn = fields['drawn_seeds'];
  const seedCount = fields['seed_count'];
  if (!Array.isArray(drawn) || drawn.length === 0) return [];
  const drawing =
    typeof seedCount === 'number' ? seedCount : listIn(fields['seeds']).filter((seed) => seed === -1).length;
  const runs = listIn(fields['networks']).length * drawing * listIn(fields['prompts']).length;
  if (drawn.length === runs) return [];
  const allowed =
    runs === 0
      ? 'none, since no run has seed -1'
      : `${runs.toLocaleString('en')}, one for each run of seed -1 in the order of the runs (networks, then seeds, then prompts)`;
  return [problem('drawn_seeds', `${drawn.length.toLocaleString('en')} drawn seeds`, allowed)];
}

/**
 * Each network, prompt, embedding model, kind of surrogate and fixed seed occurs once. Seed -1 may repeat,
 * because each draws its own. This check does not repeat problems that another check reports (an empty or
 * blank item, another type).
 */
export function duplicateProblems(fields: Fields): Problem[] {
  const nullModel = fields['null_model'];
  return [
    ...repeats(['networks'], fields['networks'], networkKey),
    ...repeats(['prompts'], fields['prompts'], textKey),
    ...repeats(['seeds'], fields['seeds'], (seed) =>
      typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0 ? seed : null,
    ),
    ...repeats(['embedding_models'], fields['embedding_models'], textKey),
    ...repeats(['null_model', 'kinds'], isFields(nullModel) ? nullModel['kinds'] : undefined, textKey),
  ];
}

function networkKey(item: unknown): string | null {
  const names = listIn(item);
  return names.length > 0 && names.every((name) => typeof name === 'string') ? JSON.stringify(names) : null;
}

function textKey(item: unknown): string | null {
  return typeof item === 'string' && !isBlank(item) ? item : null;
}

/** `keyOf` returns the text that two equal items share, or null for an item that may repeat. */
function repeats(
  path: readonly string[],
  list: unknown,
  keyOf: (item: unknown) => string | number | null,
): Problem[] {
  const problems: Problem[] = [];
  const firstIndex = new Map<string | number, number>();
  for (const [index, item] of listIn(list).entries()) {
    const key = keyOf(item);
    if (key === null) continue;
    const first = firstIndex.get(key);
    if (first === undefined) firstIndex.set(key, index);
    else {
      const shown = Array.isArray(item) ? item.map(described).join(' -> ') : described(item);
      const found = `${shown} again (first at ${pathText([...path, first])})`;
      problems.push(problem(pathText([...path, index]), found, 'each once'));
    }
  }
  return problems;
}

/** Prompts and a name that the store does not accept (common/text.ts). */
export function textProblems(fields: Fields): Problem[] {
  return [
    ...textProblemsAt(['name'], fields['name']),
    ...listIn(fields['prompts']).flatMap((prompt, index) => textProblemsAt(['prompts', index], prompt)),
  ];
}

function textProblemsAt(path: readonly PropertyKey[], text: unknown): Problem[] {
  if (typeof text !== 'string') return [];
  const fault = textFault(text);
  switch (fault) {
    case null:
      return [];
    case 'NUL':
      return [problem(pathText(path), `a NUL character in ${quoted(text)}`, 'text without NUL')];
    case 'lone surrogate':
      return [
        problem(pathText(path), `half of a surrogate pair in ${quoted(text)}`, 'well-formed Unicode text'),
      ];
    case 'blank':
      return [problem(pathText(path), quoted(text), allowedAt(path))];
    default:
      return assertNever(fault);
  }
}

/** A null model needs an embedding model: surrogates are made from its points. */
export function nullModelProblems(fields: Fields): Problem[] {
  const models = fields['embedding_models'];
  if (!isFields(fields['null_model']) || !Array.isArray(models) || models.length > 0) return [];
  return [
    problem('null_model', 'surrogates without embedding_models', 'null, or at least one embedding model'),
  ];
}

export function runCountProblems(fields: Fields): Problem[] {
  const seedCount = fields['seed_count'];
  const seeds = typeof seedCount === 'number' ? seedCount : listIn(fields['seeds']).length;
  const [networks, prompts] = [listIn(fields['networks']).length, listIn(fields['prompts']).length];
  const runs = networks * seeds * prompts;
  // A seed_count beyond the limit is a problem of its own.
  if (!(runs > MAX_RUNS) || seeds > MAX_RUNS) return [];
  const found = `${runs.toLocaleString('en')} runs (${networks} networks x ${seeds} seeds x ${prompts} prompts)`;
  return [problem('', found, `at most ${MAX_RUNS.toLocaleString('en')} runs; split the experiment`)];
}
