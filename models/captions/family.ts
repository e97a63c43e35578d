import { type PreTrainedModel, Tensor } from '@huggingface/transformers';
import type { ImageArtifact } from '../../experiment/artifact.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import type { ModelFolder } from './model-folder.js';
import type { CaptionSettings } from './settings.js';

/** Inputs of the library's `generate`, by name. */
export type ModelInputs = Readonly<Record<string, Tensor>>;

/** A captioner's graphs and tokenizer, and the way in which its family turns a picture into inputs. */
export interface OpenCaptioner {
  readonly model: PreTrainedModel;
  readonly tokenizer: Tokenizer;
  /** Throws PanicError `InvalidInput` for a picture that the family cannot take. */
  readonly inputsFor: (picture: ImageArtifact) => Promise<ModelInputs>;
}

/** Opens a model of one family. */
export type OpenFamily<Settings extends CaptionSettings> = (
  folder: ModelFolder,
  settings: Settings,
) => Promise<OpenCaptioner>;

/**
 * A text's tokens as a batch of one, with those that the tokenizer puts around the text. The attention mask covers
 * all of them.
 */
export async function tokensOf(tokenizer: Tokenizer, text: string): Promise<ModelInputs> {
  const ids = BigInt64Array.from(await tokenizer.encode(text), BigInt);
  return {
    input_ids: new Tensor('int64', ids, [1, ids.length]),
    attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), [1, ids.length]),
  };
}

/**
 * The text that the model's chat template makes of a picture and a sentence, up to the place where the answer
 * begins. The template is in `tokenizer_config.json`; newer exporters write it to a file of its own.
 */
export async function chatAbout(folder: ModelFolder, sentence: string): Promise<string> {
  const tokenizer = await folder.chatTemplates();
  const content = [{ type: 'image' }, { type: 'text', text: sentence }];
  return tokenizer.apply_chat_template([{ role: 'user', content }], {
    ...(!tokenizer.chat_template && { chat_template: await folder.text('chat_template.jinja') }),
    tokenize: false,
    add_generation_prompt: true,
  });
}
