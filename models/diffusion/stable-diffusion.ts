import { z } from 'zod';
import { PanicError } from '../../experiment/errors.js';
import { Decoder } from './decoder.js';
import { type Floats, type Graph, type Numbers, stack } from './graph.js';
import type { ModelFolder } from './model-folder.js';
import { denoise, guided, type Painting, type Pipeline } from './pipeline.js';
import { schedulerMaker } from './schedulers/create-scheduler.js';
import type { TextToImageSettings } from './settings.js';
import { TextEncoder } from './text-encoder.js';
import { clipTokenizer } from './tokenizer.js';

const unetConfig = {
  in_channels: z.int().positive(),
  time_cond_proj_dim: z.int().positive().nullish(),
  addition_embed_type: z.literal('text_time').nullish(),
};

/** What the denoiser is told of a prompt. */
interface Condition {
  readonly embeddings: Floats;
  /** Of the XL models: a summary of the prompt. */
  readonly summary: Floats | null;
  readonly cut: number;
}

/** Reads prompts; null stands for no prompt at all. */
type Reader = (prompt: string | null) => Promise<Condition>;

/**
 * Stable Diffusion 1.x, 2.x, Turbo and XL, and latent consistency models: one or two CLIP encoders, a UNet and a decoder, as
 * diffusers' StableDiffusionPipeline, StableDiffusionXLPipeline and LatentConsistencyModelPipeline run them. The safety checker of the 1.x models is not run.
 * Throws PanicError `InvalidInput` for what is not supported, `ModelFilesMissing`, `DeviceError`.
 */
export async function stableDiffusion(
  folder: ModelFolder,
  settings: TextToImageSettings,
  kind: 'plain' | 'xl' | 'lcm',
): Promise<Pipeline> {
  const config = await folder.config(unetConfig, 'unet', 'config.json');
  const makeScheduler = schedulerMaker(await folder.scheduler(), settings.scheduler);
  makeScheduler(settings.steps);
  const decoder = await Decoder.open(folder, settings.vae);
  const read = kind === 'xl' ? await xlReader(folder) : await plainReader(folder);
  const unet = await folder.graph('unet');
  const { guidance_scale: weight, width, height } = settings;
  const told = config.time_cond_proj_dim ?? null;
  if (config.in_channels !== decoder.channels) {
    throw new PanicError(
      'InvalidInput',
      `the denoiser takes ${config.in_channels} channels and the decoder ${decoder.channels}; models that fill in or change pictures are not supported`,
    );
  }
  const isGuided = weight > 1 && told === null && kind !== 'lcm';
  const dims = [1, config.in_channels, height / 8, width / 8];
  const negative = isGuided ? await read(settings.negative_prompt ?? null) : null;

  async function paint(prompt: string, noise: Parameters<Pipeline['paint']>[1]): Promise<Painting> {
    const scheduler = makeScheduler(settings.steps);
    const condition = await read(prompt);
    const conditions = negative === null ? [condition] : [negative, condition];
    const fixed = {
      encoder_hidden_states: stack(...conditions.map(({ embeddings }) => embeddings)),
      ...(kind === 'xl' && {
        text_embeds: stack(...conditions.map(({ summary }) => summary!)),
        time_ids: stack(...conditions.map(() => sizes(height, width))),
      }),
      ...(told !== null && { timestep_cond: guidanceEmbedding(weight - 1, told) }),
    };
    const ask = async (latents: Floats, timestep: number): Promise<Floats> =>
      await runUnet(unet, { sample: latents, timestep: times(unet, timestep, latents), ...fixed });
    const size = dims.reduce((product, length) => product * length);
    const latents = await denoise(
      scheduler,
      dims,
      noise.normals(size),
      noise,
      negative === null ? ask : guided(weight, ask),
    );
    return { picture: await decoder.decode(latents), cutTokens: condition.cut };
  }

  return { paint };
}

async function runUnet(unet: Graph, feeds: Readonly<Record<string, Numbers>>): Promise<Floats> {
  const outputs = await unet.run(feeds);
  return outputs.get(unet.outputs[0]!)!;
}

/** A timestep as the graph declares it: one number, or one for each of the batch. */
function times(unet: Graph, timestep: number, latents: Floats): Numbers {
  const batch = latents.dims[0]!;
  if (unet.rank('timestep') === 0) return { data: [timestep], dims: [] };
  return { data: Array.from({ length: batch }, () => timestep), dims: [batch] };
}

async function clipEncoder(folder: ModelFolder, suffix: '' | '_2'): Promise<TextEncoder> {
  const tokenizer = await clipTokenizer(folder, `tokenizer${suffix}`);
  return new TextEncoder(tokenizer, await folder.graph(`text_encoder${suffix}`), `text_encoder${suffix}`);
}

async function plainReader(folder: ModelFolder): Promise<Reader> {
  const encoder = await clipEncoder(folder, '');
  return async (prompt) => {
    const encoded = await encoder.encode(prompt ?? '');
    return { embeddings: encoder.value(encoded, 'last_hidden_state'), summary: null, cut: encoded.cut };
  };
}

async function xlReader(folder: ModelFolder): Promise<Reader> {
  const index = await folder.config(
    { force_zeros_for_empty_prompt: z.boolean().default(true) },
    'model_index.json',
  );
  const encoders = [await clipEncoder(folder, ''), await clipEncoder(folder, '_2')];
  return async (prompt) => {
    const encoded = await Promise.all(encoders.map((encoder) => encoder.encode(prompt ?? '')));
    const embeddings = sideBySide(...encoded.map((one, k) => encoders[k]!.beforeLast(one)));
    const summary = encoders[1]!.value(encoded[1]!, 'text_embeds');
    const cut = Math.min(...encoded.map((one) => one.cut));
    if (prompt !== null || !index.force_zeros_for_empty_prompt) return { embeddings, summary, cut };
    return { embeddings: zeros(embeddings), summary: zeros(summary), cut };
  };
}

function zeros({ dims, data }: Floats): Floats {
  return { dims, data: new Float32Array(data.length) };
}

/** Tensors of batch x tokens x width that agree in the first two: the widths follow one another. */
export function sideBySide(...parts: readonly Floats[]): Floats {
  const widths = parts.map((part) => part.dims[2]!);
  const width = widths.reduce((sum, one) => sum + one, 0);
  const [batch, rows] = [parts[0]!.dims[0]!, parts[0]!.dims[1]!];
  const data = new Float32Array(batch * rows * width);
  for (let row = 0; row < batch * rows; row++) {
    let at = row * width;
    for (const [k, part] of parts.entries()) {
      data.set(part.data.subarray(row * widths[k]!, (row + 1) * widths[k]!), at);
      at += widths[k]!;
    }
  }
  return { data, dims: [batch, rows, width] };
}

/** What the XL models are told of a picture: its original size, where it was cropped (nowhere), the size wanted. */
function sizes(height: number, width: number): Floats {
  return { data: Float32Array.from([height, width, 0, 0, height, width]), dims: [1, 6] };
}

/** The weight of the prompt as sines and cosines (diffusers, `get_guidance_scale_embedding`). */
function guidanceEmbedding(weight: number, length: number): Floats {
  const half = Math.floor(length / 2);
  const data = new Float32Array(length);
  const step = Math.fround(Math.fround(Math.log(10000)) / (half - 1));
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(Math.fround(weight * 1000) * Math.fround(Math.exp(Math.fround(i * -step))));
    data[i] = Math.sin(angle);
    data[half + i] = Math.cos(angle);
  }
  return { data, dims: [1, length] };
}
