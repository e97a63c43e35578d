import { PanicError } from '../../common/errors.js';
import { requireAgreement, requireRoom, type Statement } from '../agreement.js';
import type { Graph } from './graph.js';
import type { ModelFolder } from './model-folder.js';
import type { Floats } from './tensors.js';
import { clipTokenizer, type PromptTokenizer, t5Tokenizer } from './tokenizer.js';

/** What an encoder made of a prompt. */
export interface Encoded {
  readonly outputs: ReadonlyMap<string, Floats>;
  /** The number of the prompt's tokens that the encoder did not read. */
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
    const { ids, cut } = await this.tokenizer.encode(prompt);
    const dims = [1, ids.length];
    const feeds = {
      input_ids: { data: ids, dims },
      // diffusers passes no mask: the encoder reads padding like any token.
      ...(this.graph.takes('attention_mask') && { attention_mask: { data: ids.map(() => 1), dims } }),
    };
    return { outputs: await this.graph.run(feeds), cut };
  }

  /**
   * The first of `names` among the encoder's outputs. Throws PanicError `InvalidInput` where the graph has none of
   * them.
   */
  value({ outputs }: Encoded, ...names: readonly string[]): Floats {
    for (const name of names) {
      const found = outputs.get(name);
      if (found) return found;
    }
    throw this.lacks(...names);
  }

  /** The hidden state before the last layer. */
  beforeLast(encoded: Encoded): Floats {
    return this.value(encoded, this.beforeLastName);
  }

  get beforeLastName(): string {
    const layers = this.graph.outputs.filter((name) => /^hidden_states\.\d+$/.test(name)).length;
    return `hidden_states.${layers - 2}`;
  }

  /**
   * The width that the graph declares for an output. Throws PanicError `InvalidInput` where the graph has no such
   * output.
   */
  width(output: string): Statement {
    if (!this.graph.outputs.includes(output)) throw this.lacks(output);
    return this.graph.outputDim(output, -1);
  }

  private lacks(...names: readonly string[]): PanicError {
    return new PanicError(
      'InvalidInput',
      `${this.name} gives ${this.graph.outputs.join(', ')}; ${names.join(' or ')} is needed. ` +
        'Export it with its hidden states, as optimum does for this kind of pipeline',
    );
  }
}

/**
 * A CLIP encoder, from the names of its folder and of its tokenizer's folder. Throws PanicError `InvalidInput`
 * where the two do not fit.
 */
export async function clipEncoder(
  folder: ModelFolder,
  component: string,
  tokenizer: string,
): Promise<TextEncoder> {
  const where = `${folder.path(tokenizer, 'tokenizer_config.json')}: model_max_length`;
  return await encoderOf(folder, component, await clipTokenizer(folder, tokenizer), where);
}

/** A T5 encoder that reads `length` tokens. Throws PanicError `InvalidInput` where its tokenizer does not fit. */
export async function t5Encoder(
  folder: ModelFolder,
  component: string,
  tokenizer: string,
  length: number,
): Promise<TextEncoder> {
  const reader = await t5Tokenizer(folder, tokenizer, length);
  return await encoderOf(folder, component, reader, 'the setting max_sequence_length');
}

/** Checks the tokenizer's output against the encoder's configuration and graph. */
async function encoderOf(
  folder: ModelFolder,
  component: string,
  tokenizer: PromptTokenizer,
  lengthIsIn: string,
): Promise<TextEncoder> {
  const graph = await folder.graph(component);
  const { ids } = await tokenizer.encode('');
  const length = { value: ids.length, where: lengthIsIn };
  const positions = await folder.statement(component, 'max_position_embeddings');
  requireRoom('tokens of a prompt', length, positions, 'the tokenizer is of another model');
  requireAgreement('tokens of a prompt', [length, graph.inputDim('input_ids', 1)]);
  const vocabulary = await folder.statement(component, 'vocab_size');
  const used = {
    value: Math.max(...ids) + 1,
    where: `the tokenizer of ${component}, by its special tokens,`,
  };
  requireRoom('number of words', used, vocabulary, 'the tokenizer is of another model');
  return new TextEncoder(tokenizer, graph, component);
}
