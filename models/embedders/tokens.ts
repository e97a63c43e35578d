import type { z } from 'zod';
import { PanicError } from '../../common/errors.js';
import type { EmbeddingModel } from '../../experiment/model.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import type { textEmbedderSettings } from './settings.js';

export interface TokenizedText {
  readonly ids: readonly number[];
  /** Tokens at the end of the text beyond `max_tokens`. */
  readonly cutTokens: number;
}

/**
 * Makes the function that turns a model's texts into tokens: prefix, special tokens around the text, and a cut at
 * `max_tokens`. The cut is before the closing tokens, as in Python: without [SEP] the vector moves (cosine 0.77 on
 * long texts), and last-token pooling would read another token. The function throws PanicError `InvalidInput` for a
 * text without tokens, and for one that the tokenizer cannot read.
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
    // As in Python, an empty text has the special tokens. A model without special tokens has nothing to embed.
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
