import { dirname } from 'node:path';
import { z } from 'zod';
import { PanicError } from '../../common/errors.js';
import type { ModelFiles } from '../files/model-files.js';
import type { LoadTask } from '../loaded-model.js';
import { type Tokenizer, tokenizerOf } from '../tokenizers/tokenizer.js';
import { readModelFiles } from '../unreadable.js';
import type { GenerativeModel } from '../../experiment/model.js';
import { type Statement, statementIn } from '../agreement.js';
import { Graph } from './graph.js';
import { parseSchedulerJson } from './schedulers/config.js';
import type { TextToImageSettings } from './settings.js';

const json = z.record(z.string(), z.unknown());
export type Json = z.infer<typeof json>;

/**
 * A text-to-image model's files in the layout of the ONNX exporters: a folder for each component, with
 * `model_index.json` beside the folders.
 */
export class ModelFolder {
  readonly #model: GenerativeModel;
  readonly #files: ModelFiles;
  readonly #device: LoadTask['device'];

  constructor({ model, files, device }: LoadTask<GenerativeModel>) {
    this.#model = model;
    this.#files = files;
    this.#device = device;
  }

  /** A file or a component, as messages name it. */
  path(...parts: readonly string[]): string {
    return this.#files.nameOf(parts.join('/'));
  }

  /** Whether a file is among the model's. */
  has(...parts: readonly string[]): boolean {
    return this.#files.has(parts.join('/'));
  }

  /** The object in a JSON file. Throws PanicError `ModelFilesMissing` where the file has no object. */
  async json(...parts: readonly string[]): Promise<Json> {
    const path = this.path(...parts);
    return await this.read(path, async () => json.parse(parseSchedulerJson(await this.text(...parts))));
  }

  async text(...parts: readonly string[]): Promise<string> {
    return await this.#files.text(parts.join('/'));
  }

  async tokenizer(component: string): Promise<Tokenizer> {
    return await this.read(this.path(component), () => tokenizerOf(this.#files, component));
  }

  /** Reads something of the model's files; see readModelFiles. */
  async read<T>(what: string, read: () => Promise<T>): Promise<T> {
    return await readModelFiles(this.#model, what, read);
  }

  /** Some values of a component's config.json. Throws PanicError `InvalidInput` where they do not fit `shape`. */
  async config<T extends z.ZodRawShape>(
    shape: T,
    ...parts: readonly string[]
  ): Promise<z.infer<z.ZodObject<T>>> {
    const content = await this.json(...parts);
    const checked = z.object(shape).safeParse(content);
    if (checked.success) return checked.data;
    const [issue] = checked.error.issues;
    const key = issue?.path.join('.') ?? '';
    throw new PanicError(
      'InvalidInput',
      `${this.path(...parts)}: ${key} is ${JSON.stringify(content[key])}: ${issue?.message}`,
    );
  }

  /**
   * A number of a component's config.json; null where the model has no such file, or the file has no number under
   * this key.
   */
  async statement(component: string, key: string): Promise<Statement> {
    const content = this.has(component, 'config.json') ? await this.json(component, 'config.json') : {};
    return statementIn(content, this.path(component, 'config.json'), key);
  }

  /** The graph of a component: the one .onnx file among the model's files that lies in the component's folder. */
  async graph(component: string): Promise<Graph> {
    const graphs = this.#files.listed.filter((file) => dirname(file) === component && file.endsWith('.onnx'));
    const [file] = graphs;
    if (file === undefined || graphs.length > 1) {
      throw new PanicError(
        'InvalidInput',
        `${this.#model.name}: its files have ${graphs.length} graphs (*.onnx) in ${component}/; one is needed`,
      );
    }
    return await Graph.open(this.#files, file, this.#device);
  }

  /** A graph by its path among the model's files. */
  async graphAt(file: string): Promise<Graph> {
    return await Graph.open(this.#files, file, this.#device);
  }

  /**
   * Whether the exporter of diffusers' OnnxStableDiffusionPipeline wrote a component. That exporter wrote no
   * config.json.
   */
  isOfFirstExporter(component: string): boolean {
    return !this.has(component, 'config.json') && this.has(component, 'model.onnx');
  }

  /** The folder of a transformer. Some exporters still call it `unet`, as with the denoisers of earlier models. */
  transformer(): 'transformer' | 'unet' {
    return this.#files.listed.some((file) => file.startsWith('transformer/')) ? 'transformer' : 'unet';
  }

  /** Names of the pipeline's components. */
  async components(): Promise<ReadonlySet<string>> {
    const index = Object.entries(await this.json('model_index.json'));
    const present = index.filter(([, value]) => Array.isArray(value) && value.every((part) => part !== null));
    return new Set(present.map(([name]) => name));
  }

  /**
   * Rows and columns of a picture's latents. Each latent stands for `latentPixels` pixels a side, and the denoiser
   * reads latents in patches. Throws PanicError `InvalidInput` for a size that is no whole number of patches.
   */
  latentSize(
    { width, height }: TextToImageSettings,
    latentPixels: number,
    patch = 1,
  ): readonly [height: number, width: number] {
    for (const [name, pixels] of Object.entries({ width, height })) {
      if (pixels % (latentPixels * patch) === 0) continue;
      throw new PanicError(
        'InvalidInput',
        `${this.#model.name}: ${name} is ${pixels}; it must be a multiple of ${latentPixels * patch}`,
      );
    }
    return [height / latentPixels, width / latentPixels];
  }

  /** The scheduler's configuration. */
  async scheduler(): Promise<Json> {
    return await this.json('scheduler', 'scheduler_config.json');
  }
}
