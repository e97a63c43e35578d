import { AutoTokenizer, type PreTrainedModel, type PreTrainedTokenizer } from '@huggingface/transformers';
import type { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';
import { errorMessage, isPanicError, PanicError } from '../../common/errors.js';
import type { GenerativeModel } from '../../experiment/model.js';
import { type Statement, statementIn } from '../agreement.js';
import { type Device, type LoadTask, UNOPENED } from '../loaded-model.js';
import type { ModelFiles } from '../files/model-files.js';
import { throughLibrary } from '../library-files.js';
import { runtimeError } from '../onnx/runtime-error.js';
import { NothingComputes, type OpenGraph, openSession } from '../onnx/session.js';
import { type Tokenizer, tokenizerOf } from '../tokenizers/tokenizer.js';
import { type CaptionSettings, type Dtype, DTYPE_SUFFIXES, dtypeSchema } from './settings.js';

/** A class of the library that opens graphs. */
interface ModelClass {
  from_pretrained(
    path: string,
    options: { device: Device; dtype: Record<string, Dtype>; local_files_only: boolean },
  ): Promise<PreTrainedModel>;
}

/** The files of one captioner. The library reads them without the network. */
export class ModelFolder {
  readonly #model: GenerativeModel;
  readonly #files: ModelFiles;
  readonly #device: LoadTask['device'];
  readonly #dtypes: Record<string, Dtype>;

  /** Throws PanicError `InvalidInput` where the settings ask for a graph that is not one of the model's files. */
  constructor({ model, files, device }: LoadTask<GenerativeModel>, settings: CaptionSettings) {
    this.#model = model;
    this.#files = files;
    this.#device = device;
    this.#dtypes = graphDtypes(settings);
    for (const [graph, dtype] of Object.entries(this.#dtypes)) {
      const file = fileOf(graph, dtype);
      if (files.has(file)) continue;
      throw new PanicError(
        'InvalidInput',
        `${model.name}: ${graph}_dtype ${dtype} is the file ${file}, which is not among the model's files`,
      );
    }
  }

  tokenizer(): Promise<Tokenizer> {
    return this.#read('tokenizer.json', () => tokenizerOf(this.#files));
  }

  /** The library's tokenizer, for its chat templates only: its tokens are not always those of Python. */
  chatTemplates(): Promise<PreTrainedTokenizer> {
    return this.#read('tokenizer_config.json', () =>
      throughLibrary(this.#files, ['tokenizer.json', 'tokenizer_config.json'], (name) =>
        AutoTokenizer.from_pretrained(name, { local_files_only: true }),
      ),
    );
  }

  /** One of the model's JSON files. Throws PanicError `ModelFilesMissing` where the file does not fit the schema. */
  json<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.output<Schema>> {
    return this.#read(file, async () => schema.parse(JSON.parse(await this.#files.text(file))));
  }

  /** The number under these keys of one of the model's JSON files; null where the file has none. Throws as `json`. */
  async statement(file: string, ...keys: readonly string[]): Promise<Statement> {
    const content = await this.json(file, z.looseObject({}));
    return statementIn(content, this.#files.nameOf(file), ...keys);
  }

  text(file: string): Promise<string> {
    return this.#read(file, () => this.#files.text(file));
  }

  /**
   * Opens the graphs on exactly the device asked for. Throws PanicError `DeviceError` where that fails, and `InvalidInput` where
   * they do not fit each other.
   */
  async open(kind: ModelClass): Promise<PreTrainedModel> {
    if (this.#device === UNOPENED) {
      this.#checkVectorTypes(await this.#unopened());
      throw new NothingComputes();
    }
    const model = await this.#openGraphs(kind, this.#device);
    this.#checkVectorTypes(model.sessions);
    return model;
  }

  /**
   * The library copies the picture's vectors among the words' without a conversion, so it would read bits of
   * another type as wrong numbers.
   */
  #checkVectorTypes(
    graphs: Readonly<Record<string, Pick<OpenGraph, 'inputMetadata' | 'outputMetadata'>>>,
  ): void {
    const types = [
      vectorType(graphs['vision_encoder']?.outputMetadata, 'image_features'),
      vectorType(graphs['embed_tokens']?.outputMetadata, 'inputs_embeds'),
      vectorType(graphs['decoder_model_merged']?.inputMetadata, 'inputs_embeds'),
    ].filter((type) => type !== undefined);
    if (new Set(types).size <= 1) return;
    throw new PanicError(
      'InvalidInput',
      `${this.#model.name}: its graphs exchange vectors as ${types.join(', ')} (vision_encoder, embed_tokens, ` +
        `decoder_model_merged); choose number formats that agree`,
    );
  }

  async #unopened(): Promise<Readonly<Record<string, OpenGraph>>> {
    const graphs: Record<string, OpenGraph> = {};
    for (const [graph, dtype] of Object.entries(this.#dtypes)) {
      graphs[graph] = await openSession(this.#files, fileOf(graph, dtype), UNOPENED);
    }
    return graphs;
  }

  async #openGraphs(kind: ModelClass, device: Device): Promise<PreTrainedModel> {
    try {
      return await throughLibrary(this.#files, ['config.json'], (name) =>
        kind.from_pretrained(name, { device, dtype: this.#dtypes, local_files_only: true }),
      );
    } catch (error) {
      if (isPanicError(error)) throw error;
      const doing = `cannot open the graphs of ${this.#model.name} in ${this.#files.nameOf('.')} on ${device}`;
      throw runtimeError(doing, error);
    }
  }

  async #read<T>(file: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isPanicError(error)) throw error;
      throw new PanicError(
        'ModelFilesMissing',
        `cannot read ${this.#files.nameOf(file)} of ${this.#model.name}: ${errorMessage(error)}`,
        { cause: error },
      );
    }
  }
}

function fileOf(graph: string, dtype: Dtype): string {
  return `onnx/${graph}${DTYPE_SUFFIXES[dtype]}.onnx`;
}

function vectorType(
  values: readonly InferenceSession.ValueMetadata[] | undefined,
  name: string,
): string | undefined {
  const value = values?.find((candidate) => candidate.name === name);
  return value?.isTensor === true ? value.type : undefined;
}

const DTYPE_KEY = /^(.+)_dtype$/;

/** Graph name -> number format. */
export function graphDtypes(settings: CaptionSettings): Record<string, Dtype> {
  const dtypes: Record<string, Dtype> = {};
  for (const [key, value] of Object.entries(settings)) {
    const graph = DTYPE_KEY.exec(key)?.[1];
    if (graph !== undefined) dtypes[graph] = dtypeSchema.parse(value);
  }
  return dtypes;
}
