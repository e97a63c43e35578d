import type { z } from 'zod';
import { PanicError } from '../../common/errors.js';
import type { EmbeddingModel } from '../../experiment/model.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import type { textEmbedderSettings } from './settings.js';

export interface TokenizedText {
  readonly ids: readonly number[];
  /** Tokens at the end of the text that were beyond `max_tokens`. */
  readonly cutTokens: number;
}

/**
 * How a model reads texts: prefix, special tokens around, cut at `max_tokens` as the tokenizers in Python do it, that is
 * before the closing tokens: without [SEP] the vector moves (cosine 0.77 on long texts), and last-token pooling would read
 * another token. What is returned throws PanicError `InvalidInput` for a text without tokens, or one that the tokenizer cannot read.
 */
export async function textTokenizer(
  model: EmbeddingModel,
  tokenizer: Tokenizer,
  settings: z.infer<typeof textEmbedderSettings>,
): Promise<(text: string) => Promise<TokenizedText>> {
  const { max_tokens: maxTokens, prefix = '' } = settings;
  const closing = await closingTokens(tokenizer);
  return async (text) => {
    const all = await tokenizer.encode(prefix + text);
    // An empty text has its special tokens, as in Python; a model without them has nothing to go by.
    if (all.length === 0) {
      throw new PanicError(
        'InvalidInput',
        `${model.name} was given a text without any tokens: ${JSON.stringify(text)}`,
      );
    }
    const cutTokens = Math.max(0, all.length - maxTokens);
    const end = all.length - closing;
    const ids = cutTokens === 0 ? all : [...all.slice(0, end - cutTokens), ...all.slice(end)];
    return { ids, cutTokens };
  };
}

/** How many tokens the tokenizer puts behind each text. */
async function closingTokens(tokenizer: Tokenizer): Promise<number> {
  const bare = await tokenizer.encode('a', { specialTokens: false });
  const whole = await tokenizer.encode('a');
  const opening = whole.length - bare.length;
  for (let start = 0; start <= opening; start++) {
    if (bare.every((id, i) => whole[start + i] === id)) return opening - start;
  }
  throw new PanicError(
    'InvalidInput',
    'the tokenizer reads a text differently with special tokens around it',
  );
}
