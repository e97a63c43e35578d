import { z } from 'zod';
import { requireAgreement, type Statement, together } from '../agreement.js';
import { Decoder } from './decoder.js';
import { latentChannels, requireBatch, requireLatentSize } from './denoiser-graph.js';
import type { Graph } from './graph.js';
import type { Json, ModelFolder } from './model-folder.js';
import { denoise, guided, type Painting, type Pipeline, refuseUnused } from './pipeline.js';
import { schedulerMaker } from './schedulers/create-scheduler.js';
import type { TextToImageSettings } from './settings.js';
import { type Floats, type Numbers, sideBySide, stack, zeros } from './tensors.js';
import { clipEncoder } from './text-encoder.js';

const unetConfig = {
  in_channels: z.int().positive().default(4),
  time_cond_proj_dim: z.int().positive().nullish(),
  addition_embed_type: z.literal('text_time').nullish(),
};

/** What the denoiser gets of a prompt. */
interface Condition {
  readonly embeddings: Floats;
  /** For XL models: a summary of the prompt. */
  readonly summary: Floats | null;
  readonly cut: number;
}

/** Reads a prompt; null stands for no prompt at all. */
interface Reader {
  readonly read: (prompt: string | null) => Promise<Condition>;
  readonly widths: Widths;
}

/** The widths of the encoders' outputs, which their graphs declare. */
interface Widths {
  readonly embeddings: Statement;
  readonly summary: Statement | null;
}

/**
 * Stable Diffusion 1.x, 2.x, Turbo and XL, and latent consistency models: one or two CLIP encoders, a UNet and a
 * decoder, as diffusers' StableDiffusionPipeline, StableDiffusionXLPipeline and LatentConsistencyModelPipeline run
 * them. The safety checker of the 1.x models does not run.
 * Throws PanicError `InvalidInput` for what is not supported, `ModelFilesMissing`, `DeviceError`.
 */
export async function stableDiffusion(
  folder: ModelFolder,
  settings: TextToImageSettings,
  kind: 'plain' | 'xl' | 'lcm',
): Promise<Pipeline> {
  const config = folder.isOfFirstExporter('unet')
    ? z.object(unetConfig).parse({})
    : await folder.config(unetConfig, 'unet', 'config.json');
  const saved = await folder.scheduler();
  const makeScheduler = schedulerMaker(kind === 'plain' ? upToDate(saved) : saved, settings.scheduler);
  makeScheduler(settings.steps);
  const decoder = await Decoder.open(folder, settings);
  const { read, widths } = kind === 'xl' ? await xlReader(folder) : await plainReader(folder);
  const unet = await folder.graph('unet');
  const { guidance_scale: weight, width, height } = settings;
  const told = config.time_cond_proj_dim ?? null;
  const sides = folder.latentSize(settings, decoder.latentPixels);
  await requireFit(folder, unet, widths, kind, sides, told !== null);
  const channels = await latentChannels(folder, 'unet', unet, 'sample');
  decoder.requireLatents([{ value: config.in_channels, where: channels[0].where }, ...channels], ...sides);
  const isGuided = weight > 1 && told === null && kind !== 'lcm';
  refuseUnused(settings, { negative_prompt: isGuided, max_sequence_length: false });
  requireBatch(unet, 'sample', isGuided);
  const dims = [1, config.in_channels, ...sides];
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
      await unet.answer({ sample: latents, timestep: times(unet, timestep, latents), ...fixed });
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

/**
 * The configuration as diffusers' StableDiffusionPipeline corrects it. Two values of early configurations, which
 * are its classes' defaults, are mistakes to it: whatever they say, it shifts the timesteps by one and clips no
 * latents.
 */
function upToDate(config: Json): Json {
  return { ...config, steps_offset: 1, clip_sample: false };
}

/** A timestep in the form that the graph declares: one number, or one for each item of the batch. */
function times(unet: Graph, timestep: number, latents: Floats): Numbers {
  const batch = latents.dims[0]!;
  if (unet.rank('timestep') === 0) return { data: [timestep], dims: [] };
  return { data: Array.from({ length: batch }, () => timestep), dims: [batch] };
}

async function plainReader(folder: ModelFolder): Promise<Reader> {
  const encoder = await clipEncoder(folder, 'text_encoder', 'tokenizer');
  return {
    widths: { embeddings: encoder.width('last_hidden_state'), summary: null },
    read: async (prompt) => {
      const encoded = await encoder.encode(prompt ?? '');
      return { embeddings: encoder.value(encoded, 'last_hidden_state'), summary: null, cut: encoded.cut };
    },
  };
}

async function xlReader(folder: ModelFolder): Promise<Reader> {
  const index = await folder.config(
    { force_zeros_for_empty_prompt: z.boolean().default(true) },
    'model_index.json',
  );
  const encoders = [
    await clipEncoder(folder, 'text_encoder', 'tokenizer'),
    await clipEncoder(folder, 'text_encoder_2', 'tokenizer_2'),
  ];
  const read = async (prompt: string | null): Promise<Condition> => {
    const encoded = await Promise.all(encoders.map((encoder) => encoder.encode(prompt ?? '')));
    const embeddings = sideBySide(...encoded.map((one, k) => encoders[k]!.beforeLast(one)));
    const summary = encoders[1]!.value(encoded[1]!, 'text_embeds');
    const cut = Math.min(...encoded.map((one) => one.cut));
    if (prompt !== null || !index.force_zeros_for_empty_prompt) return { embeddings, summary, cut };
    return { embeddings: zeros(embeddings), summary: zeros(summary), cut };
  };
  const embeddings = together(encoders.map((encoder) => encoder.width(encoder.beforeLastName)));
  return { read, widths: { embeddings, summary: encoders[1]!.width('text_embeds') } };
}

/** Throws PanicError `InvalidInput` where the denoiser's configuration and graph do not fit its inputs. */
async function requireFit(
  folder: ModelFolder,
  unet: Graph,
  { embeddings, summary }: Widths,
  kind: 'plain' | 'xl' | 'lcm',
  [rows, columns]: readonly [number, number],
  isTold: boolean,
): Promise<void> {
  unet.requireInputs([
    'sample',
    'timestep',
    'encoder_hidden_states',
    ...(kind === 'xl' ? ['text_embeds', 'time_ids'] : []),
    ...(isTold ? ['timestep_cond'] : []),
  ]);
  const stated = async (key: string): Promise<Statement> => await folder.statement('unet', key);
  requireAgreement('width of what is read of a prompt', [
    await stated('cross_attention_dim'),
    unet.inputDim('encoder_hidden_states', -1),
    embeddings,
  ]);
  requireAgreement('width of the guidance', [
    await stated('time_cond_proj_dim'),
    unet.inputDim('timestep_cond', -1),
  ]);
  requireLatentSize(unet, 'sample', rows, columns);
  if (summary === null) return;
  requireAgreement('width of the summary of a prompt', [unet.inputDim('text_embeds', -1), summary]);
  const [all, each] = [
    await stated('projection_class_embeddings_input_dim'),
    await stated('addition_time_embed_dim'),
  ];
  const sized = {
    value: each.value === null ? null : SIZES * each.value,
    where: `${SIZES} times ${each.where}`,
  };
  requireAgreement('width of the summary and the sizes of a picture', [all, together([summary, sized])]);
}

/** Numbers that describe a picture's size to the XL models. */
const SIZES = 6;

/** The sizes that the XL models get: the picture's original size, the place of its crop (none), the wanted size. */
function sizes(height: number, width: number): Floats {
  return { data: Float32Array.from([height, width, 0, 0, height, width]), dims: [1, SIZES] };
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
