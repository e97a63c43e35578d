import { z } from 'zod';
import { PanicError } from '../../common/errors.js';

const component = z.looseObject({ type: z.string().optional() }).nullish();

/**
 * The part of `tokenizer.json` that this program reads. The rest goes to the tokenizer unchanged. Keys that the
 * tokenizer would overlook are errors.
 */
const description = z.strictObject({
  version: z.string().nullish(),
  truncation: z.unknown().optional(),
  padding: z.unknown().optional(),
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string() })).default([]),
  normalizer: component,
  pre_tokenizer: component,
  post_processor: component,
  decoder: component,
  model: z.looseObject({ dropout: z.number().nullish() }),
});
export type TokenizerDescription = z.infer<typeof description>;

/**
 * A tokenizer's parts, without its own cut and padding: a model's settings decide what the model reads, and
 * transformers also sets both for each call. Throws PanicError `InvalidInput` for what this program cannot carry
 * out.
 *
 * @param where The file, for messages.
 */
export function tokenizerDescription(content: unknown, where: string): TokenizerDescription {
  const parsed = description.safeParse(content);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'as a whole'}: ${message}`,
    );
    throw new PanicError('InvalidInput', `${where} is no tokenizer that can be used: ${problems.join('; ')}`);
  }
  if (parsed.data.model.dropout) {
    throw new PanicError(
      'InvalidInput',
      `${where}: model.dropout is ${parsed.data.model.dropout}: such a tokenizer reads a text differently each time; set it to null`,
    );
  }
  return { ...parsed.data, truncation: null, padding: null };
}

const token = z.union([z.string(), z.looseObject({ content: z.string() })]);
const addedToken = z.looseObject({
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});

/** The keys of `tokenizer_config.json` that change tokens. */
const configuration = z.looseObject({
  do_lower_case: z.boolean().nullish(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  split_special_tokens: z.boolean().nullish(),
  clean_up_tokenization_spaces: z.boolean().nullish(),
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), addedToken).default({}),
  bos_token: token.nullish(),
  eos_token: token.nullish(),
  unk_token: token.nullish(),
  sep_token: token.nullish(),
  pad_token: token.nullish(),
  cls_token: token.nullish(),
  mask_token: token.nullish(),
  additional_special_tokens: z.array(token).nullish(),
  extra_special_tokens: z.union([z.array(token), z.record(z.string(), token)]).nullish(),
});
export type TokenizerConfiguration = z.infer<typeof configuration>;

/**
 * Reads a tokenizer's configuration. Throws PanicError `InvalidInput` for values of another kind, and for settings
 * that this program cannot carry out.
 */
export function tokenizerConfiguration(content: unknown, where: string): TokenizerConfiguration {
  const parsed = configuration.safeParse(content);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'as a whole'}: ${message}`,
    );
    throw new PanicError('InvalidInput', `${where} cannot be used: ${problems.join('; ')}`);
  }
  if (parsed.data.split_special_tokens === true) {
    throw new PanicError(
      'InvalidInput',
      `${where}: split_special_tokens is true, which is not supported; remove it`,
    );
  }
  return parsed.data;
}

/**
 * The description as transformers changes it where `tokenizer_config.json` differs (4.57:
 * `BertTokenizerFast.__init__` and `PreTrainedTokenizerFast.__init__`).
 */
export function configuredDescription(
  described: TokenizerDescription,
  config: TokenizerConfiguration,
): TokenizerDescription {
  const { normalizer, pre_tokenizer: preTokenizer } = described;
  return {
    ...described,
    normalizer:
      normalizer?.type === 'BertNormalizer'
        ? {
            ...normalizer,
            ...(typeof config.do_lower_case === 'boolean' && { lowercase: config.do_lower_case }),
            ...(config.strip_accents !== undefined && { strip_accents: config.strip_accents }),
            ...(typeof config.tokenize_chinese_chars === 'boolean' && {
              handle_chinese_chars: config.tokenize_chinese_chars,
            }),
          }
        : normalizer,
    pre_tokenizer:
      preTokenizer?.type === 'ByteLevel' && typeof config.add_prefix_space === 'boolean'
        ? { ...preTokenizer, add_prefix_space: config.add_prefix_space }
        : preTokenizer,
  };
}

/** Tokens that the configuration declares special by their role. */
export function namedSpecialTokens(config: TokenizerConfiguration): string[] {
  const { bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token } = config;
  const named = [bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token];
  const more = [
    config.additional_special_tokens ?? [],
    Object.values(config.extra_special_tokens ?? {}),
  ].flat();
  return [...named, ...more]
    .filter((one) => one !== undefined && one !== null)
    .map((one) => (typeof one === 'string' ? one : one.content));
}
