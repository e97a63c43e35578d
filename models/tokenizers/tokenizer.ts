import { createRequire } from 'node:module';
import { AddedToken, Tokenizer as RustTokenizer } from 'tokenizers';
import { errorMessage, PanicError } from '../../common/errors.js';
import { excerptOf, isWellFormed } from '../../common/text.js';
import type { ModelFiles } from '../files/model-files.js';
import {
  configuredDescription,
  namedSpecialTokens,
  type TokenizerConfiguration,
  tokenizerConfiguration,
  type TokenizerDescription,
  tokenizerDescription,
} from './description.js';

/**
 * Turns texts into tokens and back, exactly as Python does. The package `tokenizers` runs the same Rust code as
 * Python's package of that name. So both agree on letters, case, white space and composed forms, whatever Node's
 * Unicode tables say.
 */
export interface Tokenizer {
  /**
   * A text's tokens, by default with those that the tokenizer puts around each text. Throws PanicError
   * `InvalidInput` for a text that is no well-formed Unicode, or that has a part which the vocabulary cannot
   * express.
   */
  encode(text: string, options?: { readonly specialTokens: boolean }): Promise<number[]>;
  /** The text of tokens, without the special ones. */
  decode(ids: readonly number[]): Promise<string>;
  /** Undefined for a text that is no token. */
  idOf(token: string): number | undefined;
}

/** The version of the tokenizer code, which provenance records. */
export const TOKENIZERS_VERSION: string = versionOfPackage();

/**
 * Opens the tokenizer of `tokenizer.json` and `tokenizer_config.json`, as transformers does. Throws PanicError
 * `InvalidInput` for what this program cannot carry out as Python does. A file that is no JSON throws its own
 * error.
 *
 * @param component The folder of the two among the model's files, where they are not at the top.
 */
export async function tokenizerOf(files: ModelFiles, component?: string): Promise<Tokenizer> {
  const within = (name: string): string => (component === undefined ? name : `${component}/${name}`);
  const [path, configPath] = [within('tokenizer.json'), within('tokenizer_config.json')];
  const described = tokenizerDescription(await readJson(files, path), files.nameOf(path));
  const config = tokenizerConfiguration(await readJson(files, configPath), files.nameOf(configPath));
  return openTokenizer(described, config, files.nameOf(path));
}

async function readJson(files: ModelFiles, path: string): Promise<unknown> {
  const text = await files.text(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${files.nameOf(path)} is no JSON: ${errorMessage(error)}`, { cause: error });
  }
}

/**
 * Opens a tokenizer from its parts. Throws PanicError `InvalidInput` where they do not make one.
 *
 * @param where The file, for messages.
 */
export function openTokenizer(
  described: TokenizerDescription,
  config: TokenizerConfiguration,
  where: string,
): Tokenizer {
  const rust = rustTokenizer(configuredDescription(described, config), where);
  addMissingTokens(rust, described, config, where);
  return {
    encode: async (text, { specialTokens } = { specialTokens: true }) => {
      if (!isWellFormed(text)) {
        throw new PanicError(
          'InvalidInput',
          `a text has half of a surrogate pair, which is no character: ${quoted(text)}`,
        );
      }
      try {
        const encoding = await rust.encode(text, null, { addSpecialTokens: specialTokens });
        return encoding.getIds();
      } catch (error) {
        throw new PanicError(
          'InvalidInput',
          `the tokenizer of ${where} cannot read ${quoted(text)}: ${errorMessage(error)}`,
          { cause: error },
        );
      }
    },
    decode: async (ids) => {
      const text = await rust.decode([...ids], true);
      return config.clean_up_tokenization_spaces === true ? withoutLooseSpaces(text) : text;
    },
    idOf: (token) => rust.tokenToId(token) ?? undefined,
  };
}

function quoted(text: string): string {
  return JSON.stringify(excerptOf(text, 100));
}

function rustTokenizer(described: TokenizerDescription, where: string): RustTokenizer {
  try {
    return RustTokenizer.fromString(JSON.stringify(described));
  } catch (error) {
    throw new PanicError(
      'InvalidInput',
      `${where} is no tokenizer that can be used (its parts: ${partsOf(described)}): ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

/** The kinds of the parts, for a message: the error of the Rust code does not name a kind that it does not know. */
function partsOf(described: TokenizerDescription): string {
  const { normalizer, pre_tokenizer: preTokenizer, model, post_processor: processor, decoder } = described;
  const parts = { normalizer, 'pre-tokenizer': preTokenizer, model, 'post-processor': processor, decoder };
  return Object.entries(parts)
    .map(([part, it]) => `${part} ${typeof it?.['type'] === 'string' ? it['type'] : 'none'}`)
    .join(', ');
}

/**
 * Tokens of the configuration that `tokenizer.json` does not have as whole tokens: transformers adds them. A token
 * that has only a role, and no place in the vocabulary, is left out, since a model has no row for it.
 */
function addMissingTokens(
  rust: RustTokenizer,
  described: TokenizerDescription,
  config: TokenizerConfiguration,
  where: string,
): void {
  const known = new Set(described.added_tokens.map(({ content }) => content));
  const roles = namedSpecialTokens(config);
  const listed = Object.entries(config.added_tokens_decoder)
    .map(([id, added]) => ({ ...added, id: Number(id) }))
    .toSorted((a, b) => a.id - b.id);
  for (const { id, content, single_word: singleWord, lstrip, rstrip, special, ...more } of listed) {
    if (known.has(content)) continue;
    known.add(content);
    const isSpecial = special || roles.includes(content);
    const normalized = more.normalized ?? !isSpecial;
    const options = { singleWord, leftStrip: lstrip, rightStrip: rstrip, normalized };
    rust.addAddedTokens([new AddedToken(content, isSpecial, options)]);
    const given = rust.tokenToId(content);
    if (given === id) continue;
    throw new PanicError(
      'InvalidInput',
      `${where} has ${given} for the token ${JSON.stringify(content)}, tokenizer_config.json has ${id}`,
    );
  }
  for (const content of roles) {
    if (known.has(content) || rust.tokenToId(content) === null) continue;
    known.add(content);
    rust.addSpecialTokens([content]);
  }
}

/** `clean_up_tokenization` of transformers: it removes spaces before punctuation marks and English contractions. */
function withoutLooseSpaces(text: string): string {
  return [' .', ' ?', ' !', ' ,', " n't", " 'm", " 's", " 've", " 're"].reduce(
    // transformers has this replacement between those of commas and those of contractions.
    (cleaned, loose) =>
      (loose === " n't" ? cleaned.replaceAll(" ' ", "'") : cleaned).replaceAll(loose, loose.slice(1)),
    text,
  );
}

function versionOfPackage(): string {
  const content: unknown = createRequire(import.meta.url)('tokenizers/package.json');
  if (typeof content === 'object' && content !== null && 'version' in content) return String(content.version);
  throw new Error('the package tokenizers has no version');
}
