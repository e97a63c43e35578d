import { PanicError } from '../../experiment/errors.js';
import type { Floats, Graph } from './graph.js';
import type { PromptTokenizer } from './tokenizer.js';

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
