import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { assertNever, PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { listed } from '../../common/problems.js';
import type { Fingerprint } from '../../experiment/provenance.js';
import { pictureLibrary } from '../../experiment/pictures/library.js';
import { keepSecrets } from '../../common/secrets.js';
import { excerptOf, onOneLine } from '../../common/text.js';
import { below, type ServerAccess, serverAddress } from './address.js';
import {
  chatAnswer,
  embeddingsAnswer,
  imagesAnswer,
  listedNames,
  readAnswer,
  vectorsInOrder,
} from './answers.js';
import { captionOf } from './caption.js';
import { mostPictureBytes, pictureOf } from './painting.js';
import { probeJson, requestJson, ServerRefusal } from './http-json.js';
import {
  type ChatSettings,
  type EmbeddingSettings,
  embeddingServerSettings,
  generativeServerSettings,
  type ImageSettings,
} from './settings.js';

/** A server answers with its list of models at once, or not at all. */
const LONGEST_PROBE_MS = 10_000;
/**
 * The most bytes of an answer with a caption and all thinking, of a list of models, and of the JSON around a
 * picture or vectors.
 */
const MOST_TEXT_BYTES = 2 ** 24;
/** A float64 with all its digits, blanks and a comma. */
const MOST_NUMBER_BYTES = 40;
/** Statuses of a request that may be too large as a whole, though a single input may pass. */
const TOO_MUCH: ReadonlySet<number> = new Set([400, 413, 422]);

/** A server's output, and whether the server stopped at its limit of tokens. */
export interface ServedOutput {
  readonly output: Artifact;
  readonly outputCut: boolean;
}

/** A model behind a server's HTTP interface. Its calls throw as `requestJson` does, and `ModelOutputInvalid`. */
export interface ServerModel {
  readonly fingerprint: Fingerprint;
  /** Whether the server has a list of models that contains this one. */
  readonly listed: boolean;
  generate(input: Artifact, seed: number, signal: AbortSignal): Promise<ServedOutput>;
  embed(inputs: readonly Artifact[], signal: AbortSignal): Promise<readonly Float32Array[]>;
}

/**
 * Prepares calls of a model's server, and checks whether it lists the model. The list is optional: an answer of any
 * other form counts as no list. Throws PanicError `InvalidInput` for an address that may not be asked and for a
 * model that is not in the list, and `DeviceError` where the server cannot be reached.
 */
export async function meetServer(
  model: Model,
  access: ServerAccess,
  signal: AbortSignal,
): Promise<ServerModel> {
  keepSecrets([{ name: 'PANIC_TDA_SERVER_API_KEY', value: access.apiKey ?? '' }]);
  const base = serverAddress(model.source, access);
  const settings =
    model.kind === 'generative'
      ? generativeServerSettings.parse(model.settings)
      : embeddingServerSettings.parse(model.settings);
  const served = settings.served_as ?? settings.model;

  async function ask(
    path: string,
    body: unknown,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<{ url: URL; answer: unknown }> {
    const url = below(base, path);
    const endpoint = { url, timeoutMs: settings.timeout_s * 1000, apiKey: access.apiKey, maxBytes, signal };
    return { url, answer: await requestJson(endpoint, body) };
  }

  async function checkListed(): Promise<boolean> {
    const url = below(base, 'models');
    const timeoutMs = Math.min(settings.timeout_s * 1000, LONGEST_PROBE_MS);
    const names = listedNames(
      await probeJson({ url, timeoutMs, apiKey: access.apiKey, maxBytes: MOST_TEXT_BYTES, signal }),
    );
    if (names === null) return false;
    // Ollama serves "llava" under that name and lists it as "llava:latest".
    const asked = [settings.model, served].flatMap((name) => [name, `${name}:latest`]);
    if (asked.some((name) => names.includes(name))) return true;
    throw new PanicError(
      'InvalidInput',
      `${model.name}: ${base.host} does not serve "${settings.model}"; it lists ${listedText(names)}`,
    );
  }

  async function generate(input: Artifact, seed: number, signal: AbortSignal): Promise<ServedOutput> {
    switch (settings.api) {
      case 'images':
        return await paint(settings, input, seed, signal);
      case 'chat':
        return await answerInWords(settings, input, seed, signal);
      case 'embeddings':
        throw new PanicError('InvalidInput', `${model.name} is an embedding model; it generates nothing`);
      default:
        return assertNever(settings);
    }
  }

  async function paint(
    painting: ImageSettings,
    input: Artifact,
    seed: number,
    signal: AbortSignal,
  ): Promise<ServedOutput> {
    const { url, answer } = await ask(
      'images/generations',
      imageRequest(painting, model, input, seed),
      Math.ceil((mostPictureBytes(painting) * 4) / 3) + MOST_TEXT_BYTES,
      signal,
    );
    const { data } = readAnswer(imagesAnswer, answer, url, served);
    return {
      output: await pictureOf(model.name, data[0]!, textOf(model.name, input), painting, signal),
      outputCut: false,
    };
  }

  async function answerInWords(
    chat: ChatSettings,
    input: Artifact,
    seed: number,
    signal: AbortSignal,
  ): Promise<ServedOutput> {
    const { url, answer } = await ask(
      'chat/completions',
      await chatRequest(chat, input, seed),
      MOST_TEXT_BYTES,
      signal,
    );
    const { choices } = readAnswer(chatAnswer, answer, url, served);
    const { text, cut } = captionOf(model.name, choices[0]!, chat);
    return { output: { modality: 'text', text }, outputCut: cut };
  }

  /** The most inputs that the server has accepted at once. */
  let mostInputs = Infinity;

  async function embed(inputs: readonly Artifact[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    const { length } = inputs;
    if (length > mostInputs) return await embedInParts(inputs, mostInputs, signal);
    try {
      return await embedAtOnce(inputs, signal);
    } catch (error) {
      if (length === 1 || !(error instanceof ServerRefusal) || !TOO_MUCH.has(error.status)) throw error;
      // Some servers take one input at a time, or fewer than these. Where the server refuses a single input, its
      // own error says so.
      const half = Math.ceil(length / 2);
      const vectors = await embedInParts(inputs, half, signal);
      mostInputs = Math.min(mostInputs, half);
      return vectors;
    }
  }

  async function embedInParts(
    inputs: readonly Artifact[],
    size: number,
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (let from = 0; from < inputs.length; from += size) {
      vectors.push(...(await embed(inputs.slice(from, from + size), signal)));
    }
    return vectors;
  }

  async function embedAtOnce(
    inputs: readonly Artifact[],
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    if (settings.api !== 'embeddings') {
      throw new PanicError('InvalidInput', `${model.name} is a generative model; it gives no vectors`);
    }
    const dimension = model.kind === 'embedding' ? model.dimension : 0;
    const maxBytes = inputs.length * dimension * MOST_NUMBER_BYTES + MOST_TEXT_BYTES;
    const request = embeddingsRequest(settings, model, inputs);
    const { url, answer } = await ask('embeddings', request, maxBytes, signal);
    return vectorsInOrder(readAnswer(embeddingsAnswer, answer, url, served), inputs.length, url);
  }

  const isListed = await checkListed();
  const fingerprint = {
    runtime: 'server',
    runtimeVersion: '',
    device: base.href,
    dtype: '',
    files: {},
    served,
  };
  return { fingerprint, listed: isListed, generate, embed };
}

/** The names of a list for a message. A hub of models may list thousands. */
function listedText(names: readonly string[]): string {
  return listed(names.map((name) => excerptOf(onOneLine(name), 100)));
}

function textOf(model: string, input: Artifact): string {
  if (input.modality === 'text') return input.text;
  throw new PanicError('InvalidInput', `${model} takes text; it was given ${input.modality}`);
}

/** The low bits of a seed, under the key of the interfaces. */
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
  return {
    model: settings.model,
    messages: [{ role: 'user', content: await chatContent(settings.prompt, input) }],
    max_tokens: settings.max_tokens,
    temperature: settings.temperature,
    stream: false,
    ...seedField(seed, settings.seed_bits),
  };
}

async function chatContent(prompt: string, input: Artifact): Promise<unknown> {
  switch (input.modality) {
    case 'text':
      return prompt.replaceAll('{input}', () => input.text);
    case 'image':
      return [
        { type: 'image_url', image_url: { url: `data:image/png;base64,${await pngOf(input)}` } },
        { type: 'text', text: prompt },
      ];
    default:
      return assertNever(input);
  }
}

function embeddingsRequest(settings: EmbeddingSettings, model: Model, inputs: readonly Artifact[]): unknown {
  return {
    model: settings.model,
    input: inputs.map((input) => settings.prefix + textOf(model.name, input)),
    encoding_format: 'float',
  };
}

async function pngOf({ pixels, width, height }: ImageArtifact): Promise<string> {
  const sharp = await pictureLibrary();
  const raw = { raw: { width, height, channels: 3 as const } };
  return (await sharp(pixels, raw).png().toBuffer()).toString('base64');
}
