import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { errorMessage, PanicError } from '../../experiment/errors.js';
import type { Model } from '../../experiment/model.js';
import type { HostFingerprint } from '../../experiment/provenance.js';
import { below, type ServerAccess, serverAddress } from './address.js';
import { chatAnswer, embeddingsAnswer, imagesAnswer, modelList, readAnswer } from './answers.js';
import { requestJson, ServerRefusal } from './http-json.js';
import {
  type ChatSettings,
  type EmbeddingSettings,
  embeddingServerSettings,
  generativeServerSettings,
  type ImageSettings,
} from './settings.js';

/** A model behind a server's HTTP interface. Its calls throw as `requestJson` does, and `ModelOutputInvalid`. */
export interface ServerModel {
  readonly host: HostFingerprint;
  generate(input: Artifact, seed: number, signal: AbortSignal): Promise<Artifact>;
  embed(inputs: readonly Artifact[], signal: AbortSignal): Promise<readonly Float32Array[]>;
}

/**
 * Meets the server of a model: looks whether it lists the model, where it has a list. Throws PanicError `InvalidInput` for
 * an address that may not be asked and for a model that is not served there.
 */
export async function meetServer(
  model: Model,
  access: ServerAccess,
  signal: AbortSignal,
): Promise<ServerModel> {
  const base = serverAddress(model.source, access);
  const settings =
    model.kind === 'generative'
      ? generativeServerSettings.parse(model.settings)
      : embeddingServerSettings.parse(model.settings);
  const served = settings.served_as ?? settings.model;

  async function ask(
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<{ url: URL; answer: unknown }> {
    const url = below(base, path);
    const endpoint = { url, timeoutMs: settings.timeout_s * 1000, apiKey: access.apiKey, signal };
    return { url, answer: await requestJson(endpoint, body) };
  }

  async function checkListed(): Promise<void> {
    const list = await ask('models', undefined, signal).catch((error: unknown) => {
      // Bridges that serve one interface only have no list.
      if (error instanceof ServerRefusal && error.status === 404) return null;
      throw error;
    });
    const listed = list === null ? null : modelList.safeParse(list.answer);
    if (!listed?.success) return;
    const names = listed.data.data.map(({ id }) => id);
    if (names.includes(settings.model) || names.includes(served)) return;
    throw new PanicError(
      'InvalidInput',
      `${model.name}: ${base.host} does not serve "${settings.model}"; it lists ${names.join(', ') || 'nothing'}`,
    );
  }

  async function generate(input: Artifact, seed: number, signal: AbortSignal): Promise<Artifact> {
    if (settings.api === 'images') {
      const { url, answer } = await ask(
        'images/generations',
        imageRequest(settings, model, input, seed),
        signal,
      );
      const { data } = readAnswer(imagesAnswer, answer, url, served);
      return decode(model, data[0]!.b64_json, settings);
    }
    if (settings.api === 'chat') {
      const { url, answer } = await ask('chat/completions', await chatRequest(settings, input, seed), signal);
      const { choices } = readAnswer(chatAnswer, answer, url, served);
      return { modality: 'text', text: oneLine(choices[0]!.message.content) };
    }
    throw new PanicError('InvalidInput', `${model.name} is an embedding model; it generates nothing`);
  }

  async function embed(inputs: readonly Artifact[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    if (settings.api !== 'embeddings') {
      throw new PanicError('InvalidInput', `${model.name} is a generative model; it gives no vectors`);
    }
    const { url, answer } = await ask('embeddings', embeddingsRequest(settings, model, inputs), signal);
    const { data } = readAnswer(embeddingsAnswer, answer, url, served);
    return inOrder(model, data, inputs.length);
  }

  await checkListed();
  const host = { runtime: 'server', runtimeVersion: '', device: base.href, dtype: '', files: {}, served };
  return { host, generate, embed };
}

function textOf(model: string, input: Artifact): string {
  if (input.modality === 'text') return input.text;
  throw new PanicError('InvalidInput', `${model} takes text; it was given ${input.modality}`);
}

/** The low bits of a seed, under the key that the interfaces have for it. */
function seedField(seed: number, bits: number): { seed?: number } {
  return bits === 0 ? {} : { seed: seed % 2 ** bits };
}

function imageRequest(settings: ImageSettings, model: Model, input: Artifact, seed: number): unknown {
  const { width, height } = settings;
  return {
    model: settings.model,
    prompt: textOf(model.name, input),
    n: 1,
    size: `${width}x${height}`,
    response_format: 'b64_json',
    ...seedField(seed, settings.seed_bits),
  };
}

async function chatRequest(settings: ChatSettings, input: Artifact, seed: number): Promise<unknown> {
  const content =
    input.modality === 'text'
      ? settings.prompt.replaceAll('{input}', () => input.text)
      : [
          { type: 'image_url', image_url: { url: `data:image/png;base64,${await pngOf(input)}` } },
          { type: 'text', text: settings.prompt },
        ];
  return {
    model: settings.model,
    messages: [{ role: 'user', content }],
    max_tokens: settings.max_tokens,
    temperature: settings.temperature,
    stream: false,
    ...seedField(seed, settings.seed_bits),
  };
}

function embeddingsRequest(settings: EmbeddingSettings, model: Model, inputs: readonly Artifact[]): unknown {
  return {
    model: settings.model,
    input: inputs.map((input) => settings.prefix + textOf(model.name, input)),
    encoding_format: 'float',
  };
}

/** Captions are one line here; a chat model's paragraphs become sentences of one. */
function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*[\r\n]+\s*/g, ' ');
}

function inOrder(
  model: Model,
  data: readonly { readonly index: number; readonly embedding: readonly number[] }[],
  count: number,
): readonly Float32Array[] {
  const byIndex = new Map(data.map(({ index, embedding }) => [index, Float32Array.from(embedding)]));
  return Array.from({ length: count }, (_, index) => {
    const vector = byIndex.get(index);
    if (vector) return vector;
    throw new PanicError('ModelOutputInvalid', `${model.name} gave no vector for input ${index} of ${count}`);
  });
}

async function pngOf({ pixels, width, height }: ImageArtifact): Promise<string> {
  // Not before there is a picture: it takes a while to load.
  const { default: sharp } = await import('sharp');
  const raw = { raw: { width, height, channels: 3 as const } };
  return (await sharp(pixels, raw).png().toBuffer()).toString('base64');
}

/** Throws PanicError `ModelOutputInvalid` unless it is a picture of exactly the size that was asked for. */
async function decode(
  model: Model,
  base64: string,
  { width, height }: ImageSettings,
): Promise<ImageArtifact> {
  const fail = (what: string): PanicError => new PanicError('ModelOutputInvalid', `${model.name} ${what}`);
  const { default: sharp } = await import('sharp');
  const { data, info } = await sharp(Buffer.from(base64, 'base64'), { limitInputPixels: width * height })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw fail(
        `answered with something that is no picture of ${width} x ${height}: ${errorMessage(error)}`,
      );
    });
  if (info.width !== width || info.height !== height || info.channels !== 3) {
    throw fail(`painted ${info.width} x ${info.height} where ${width} x ${height} was asked for`);
  }
  return { modality: 'image', width, height, pixels: new Uint8Array(data) };
}
