import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { decodedText, unreadableFile } from '../common/file-text.js';
import { sha256Hex } from '../experiment/ids.js';
import { parseJsonText } from '../common/json-text.js';
import type { Model, ModelSettings } from '../experiment/model.js';
import { pathText, quoted, type Problem } from '../common/problems.js';
import { collidingPaths } from '../common/relative-path.js';
import { textFault } from '../common/text.js';
import { catalogueProblem, formProblems } from './catalogue-problems.js';
import { catalogueFileSchema, type CatalogueFile } from './catalogue-schema.js';
import { isPackaged } from './files/packaged.js';

/** A user's catalogue file, or all of its problems. */
export type OwnCatalogue =
  | ({ readonly ok: true; readonly sha256: string } & CatalogueFile)
  | { readonly ok: false; readonly problems: readonly Problem[] };

const FOLDER = 'folder:';

/**
 * Reads and checks a user's catalogue file. `taken` gives the owner of a name that is in use, or null.
 * `folder:PATH` becomes absolute, relative to the file. Never throws.
 */
export function readOwnCatalogue(path: string, taken: (name: string) => string | null): OwnCatalogue {
  const read = bytesOf(path);
  const text = Buffer.isBuffer(read) ? decodedText(read) : read;
  if (!Buffer.isBuffer(read) || typeof text !== 'string') {
    return { ok: false, problems: typeof text === 'string' ? [] : [ofCatalogue(text)] };
  }
  const json = parseJsonText(text, 'a catalogue in JSON: { "models": [ … ] }');
  if (!json.ok) return { ok: false, problems: [ofCatalogue(json.problem)] };
  const parsed = catalogueFileSchema.safeParse(json.value);
  const problems = [
    ...json.repeatedKeys.map(ofCatalogue),
    ...unfitTexts(json.value, []),
    ...(parsed.success
      ? entryProblems(parsed.data.models, taken)
      : formProblems(parsed.error.issues, json.value)),
  ];
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  const models = parsed.data.models.map((model) => withAbsoluteFolder(model, dirname(resolve(path))));
  return { ok: true, sha256: sha256Hex(read), models, unavailable: parsed.data.unavailable };
}

function bytesOf(path: string): Buffer | Problem {
  try {
    return readFileSync(path);
  } catch (error) {
    return unreadableFile(error, 'the path of a catalogue file (JSON)');
  }
}

function ofCatalogue({ path, found, allowed }: Problem): Problem {
  return catalogueProblem(path, found, allowed);
}

/**
 * Finds texts that no store can hold (common/text.ts), anywhere in the file: the store keeps settings and sources
 * with each model.
 */
function unfitTexts(value: unknown, path: readonly PropertyKey[]): Problem[] {
  if (typeof value === 'string') return unfitText(value, path);
  if (typeof value !== 'object' || value === null) return [];
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  return [...entries].flatMap(([key, inner]) => unfitTexts(inner, [...path, key]));
}

function unfitText(text: string, path: readonly PropertyKey[]): Problem[] {
  const fault = textFault(text);
  // Some texts may be blank, such as the prefix of an embedder. The schema decides which may not.
  if (fault === null || fault === 'blank') return [];
  const found = fault === 'NUL' ? 'a NUL character' : 'half of a surrogate pair';
  const allowed = fault === 'NUL' ? 'text without NUL' : 'well-formed Unicode text';
  return [catalogueProblem(pathText(path), `${found} in ${quoted(text)}`, allowed)];
}

function entryProblems(models: readonly Model[], taken: (name: string) => string | null): Problem[] {
  const first = new Map<string, number>();
  return models.flatMap(({ name, loader, source, settings, weights }, index) => {
    const at = (...fields: readonly string[]): string => pathText(['models', index, ...fields]);
    const problems: Problem[] = [];
    const owner = taken(name) ?? (first.has(name) ? pathText(['models', first.get(name)!]) : null);
    if (owner !== null) {
      problems.push(
        catalogueProblem(at('name'), `${quoted(name)}, a name that ${owner} has`, 'a name of its own'),
      );
    }
    if (loader === 'built-in') {
      const allowed = 'another loader; built-in models are part of the program';
      problems.push(catalogueProblem(at('loader'), quoted(loader), allowed));
    }
    if (isPackaged({ source })) {
      const allowed = 'hub:owner/name or folder:PATH; files of the program are those of its own models';
      problems.push(catalogueProblem(at('source'), quoted(source), allowed));
    }
    if (weights?.components !== undefined && !source.startsWith('hub:')) {
      const allowed = 'none for a model of a local folder; put the files there';
      problems.push(catalogueProblem(at('weights', 'components'), 'parts of other repositories', allowed));
    }
    if (weights !== null) problems.push(...fileProblems(weights.files, settings, at));
    if (!first.has(name)) first.set(name, index);
    return problems;
  });
}

/** The settings that name a file of the model. */
const FILE_SETTINGS = ['file', 'vae'];

function fileProblems(
  files: readonly string[],
  settings: ModelSettings,
  at: (...fields: readonly string[]) => string,
): Problem[] {
  const problems: Problem[] = [];
  const colliding = collidingPaths(files);
  if (colliding !== null) {
    const path = files[colliding.index]!;
    const [found, allowed] =
      path === colliding.other
        ? [`${quoted(path)} twice`, 'each file once']
        : [
            `${quoted(path)} beside ${quoted(colliding.other)}, which some file systems take for one`,
            'names that differ by more than case and accents, and no file that is a folder of another',
          ];
    problems.push(catalogueProblem(at('weights', 'files'), found, allowed));
  }
  for (const name of FILE_SETTINGS) {
    const file = settings[name];
    if (typeof file !== 'string' || files.includes(file)) continue;
    const graphs = files.filter((path) => path.endsWith('.onnx')).map(quoted);
    const allowed = `a graph of weights.files${graphs.length === 0 ? ', which has none' : `: ${graphs.join(', ')}`}`;
    problems.push(catalogueProblem(at('settings', name), quoted(file), allowed));
  }
  return problems;
}

function withAbsoluteFolder(model: Model, base: string): Model {
  if (!model.source.startsWith(FOLDER)) return model;
  return { ...model, source: FOLDER + resolve(base, model.source.slice(FOLDER.length)) };
}
