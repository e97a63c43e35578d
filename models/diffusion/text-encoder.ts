import { PanicError } from '../../experiment/errors.js';
import type { Graph } from './graph.js';
import type { ModelFolder } from './model-folder.js';
import type { Floats } from './tensors.js';
import { clipTokenizer, type PromptTokenizer, t5Tokenizer } from './tokenizer.js';

/** What an encoder made of a prompt. */
export interface Encoded {
  readonly outputs: ReadonlyMap<string, Floats>;
  /** The prompt's tokens that it did not read. */
  readonly cut: number;
}

/** A tokenizer and the graph that reads its tokens. */
export class TextEncoder {
  constructor(
    private readonly tokenizer: PromptTokenizer,
    private readonly graph: Graph,
    private readonly name: string,
  ) {}

  async encode(prompt: string): Promise<Encoded> {
    const { ids, cut } = this.tokenizer.encode(prompt);
    const dims = [1, ids.length];
    const feeds = {
      input_ids: { data: ids, dims },
      // diffusers passes no mask: padding is read like any token.
      ...(this.graph.takes('attention_mask') && { attention_mask: { data: ids.map(() => 1), dims } }),
    };
    return { outputs: await this.graph.run(feeds), cut };
  }

  /** The first of `names` among an answer's values. Throws PanicError `InvalidInput` where the graph gives none of them. */
  value({ outputs }: Encoded, ...names: readonly string[]): Floats {
    for (const name of names) {
      const found = outputs.get(name);
      if (found) return found;
    }
    throw new PanicError(
      'InvalidInput',
      `${this.name} gives ${[...outputs.keys()].join(', ')}; ${names.join(' or ')} is needed. ` +
        'Export it with its hidden states, as optimum does for this kind of pipeline',
    );
  }

  /** The hidden state before the last layer's. */
  beforeLast(encoded: Encoded): Floats {
    const layers = [...encoded.outputs.keys()].filter((name) => /^hidden_states\.\d+$/.test(name)).length;
    return this.value(encoded, `hidden_states.${layers - 2}`);
  }
}

/** A CLIP encoder, by the names of its folder and of its tokenizer's. */
export async function clipEncoder(
  folder: ModelFolder,
  component: string,
  tokenizer: string,
): Promise<TextEncoder> {
  return new TextEncoder(await clipTokenizer(folder, tokenizer), await folder.graph(component), component);
}

/** A T5 encoder that reads `length` tokens. */
export async function t5Encoder(
  folder: ModelFolder,
  component: string,
  tokenizer: string,
  length: number,
): Promise<TextEncoder> {
  const reader = await t5Tokenizer(folder, tokenizer, length);
  return new TextEncoder(reader, await folder.graph(component), component);
}
