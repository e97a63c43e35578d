import { z } from 'zod';
import { PanicError } from '../../common/errors.js';
import { tokenizerDescription, tokenizerConfiguration } from '../tokenizers/description.js';
import { openTokenizer, type Tokenizer } from '../tokenizers/tokenizer.js';
import type { ModelFolder } from './model-folder.js';

/** What an encoder reads of a prompt. */
export interface Tokens {
  /** Exactly as many as the encoder reads: the prompt's tokens, its end token, padding. */
  readonly ids: readonly number[];
  /** The number of the prompt's tokens for which there was no room. */
  readonly cut: number;
}

export interface PromptTokenizer {
  /** Throws PanicError `InvalidInput` for a prompt that the tokenizer cannot read. */
  encode(prompt: string): Promise<Tokens>;
}

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);
const clipConfig = {
  model_max_length: z.int().positive().max(100_000),
  bos_token: token.default('<|startoftext|>'),
  eos_token: token.default('<|endoftext|>'),
  unk_token: token.default('<|endoftext|>'),
  pad_token: token.nullish(),
};

/**
 * The tokenizer of a CLIP encoder, from its `vocab.json` and `merges.txt`, which every exporter writes, or else from its `tokenizer.json`.
 * Throws PanicError `ModelFilesMissing` or `InvalidInput`.
 */
export async function clipTokenizer(folder: ModelFolder, component: string): Promise<PromptTokenizer> {
  const config = await folder.config(clipConfig, component, 'tokenizer_config.json');
  const pad = config.pad_token ?? config.eos_token;
  const tokenizer = folder.has(component, 'vocab.json')
    ? await clipFromVocabulary(folder, component, { ...config, pad_token: pad })
    : await folder.tokenizer(component);
  const padId = idOf(tokenizer, pad, folder.path(component));
  return { encode: async (prompt) => fit(await tokenizer.encode(prompt), config.model_max_length, padId) };
}

/** The tokenizer of a T5 encoder that reads `length` tokens, from its `tokenizer.json`. */
export async function t5Tokenizer(
  folder: ModelFolder,
  component: string,
  length: number,
): Promise<PromptTokenizer> {
  const tokenizer = await folder.tokenizer(component);
  const padId = idOf(tokenizer, '<pad>', folder.path(component));
  return { encode: async (prompt) => fit(await tokenizer.encode(prompt), length, padId) };
}

function idOf(tokenizer: Tokenizer, token: string, where: string): number {
  const id = tokenizer.idOf(token);
  if (id !== undefined) return id;
  throw new PanicError(
    'InvalidInput',
    `the tokenizer in ${where} lacks the token ${token}, which pads prompts`,
  );
}

/** The first tokens and the end token, with padding where there is room. */
function fit(ids: readonly number[], length: number, padId: number): Tokens {
  const cut = Math.max(ids.length - length, 0);
  const kept = cut === 0 ? ids : [...ids.slice(0, length - 1), ids.at(-1)!];
  return { ids: [...kept, ...Array.from({ length: length - kept.length }, () => padId)], cut };
}

/**
 * CLIP's tokenizer as transformers converts it (`CLIPConverter`): text in composed form, white space joined, lower case; split into words,
 * digits and runs of signs; byte pairs with an end-of-word mark.
 */
async function clipFromVocabulary(
  folder: ModelFolder,
  component: string,
  config: {
    bos_token: string;
    eos_token: string;
    unk_token: string;
    pad_token: string;
    model_max_length: number;
  },
): Promise<Tokenizer> {
  const given = await folder.json(component, 'vocab.json');
  const vocabulary = await folder.read(folder.path(component, 'vocab.json'), async () =>
    z.record(z.string(), z.int()).parse(given),
  );
  const merged = folder.path(component, 'merges.txt');
  const text = await folder.read(merged, () => folder.text(component, 'merges.txt'));
  const merges = text
    .split('\n')
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map((line) => line.split(' '));
  const { bos_token: start, eos_token: end, unk_token: unknown, pad_token: pad } = config;
  const special = [...new Set([start, end, unknown, pad])];
  const idOf = (content: string): number => {
    const id = vocabulary[content];
    if (id !== undefined) return id;
    throw new PanicError(
      'InvalidInput',
      `${folder.path(component, 'vocab.json')} lacks the token ${content}`,
    );
  };
  const content = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({
      id: idOf(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: content !== pad || pad === end,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [end, idOf(end)],
      cls: [start, idOf(start)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabulary,
      merges,
    },
  };
  const where = folder.path(component, 'vocab.json');
  return openTokenizer(tokenizerDescription(content, where), tokenizerConfiguration({}, where), where);
}
