import { z } from 'zod';
import { requireAgreement, requireRoom, type Statement, together } from '../agreement.js';
import { Decoder } from './decoder.js';
import { latentChannels, requireBatch, requireLatentSize } from './denoiser-graph.js';
import type { Graph } from './graph.js';
import type { ModelFolder } from './model-folder.js';
import { denoise, guided, type Pipeline, refuseUnused } from './pipeline.js';
import { requireFlowMatch } from './schedulers/flow-match-euler-discrete.js';
import type { TextToImageSettings } from './settings.js';
import { type Floats, inSequence, sideBySide, stack, widened } from './tensors.js';
import { clipEncoder, t5Encoder, TextEncoder } from './text-encoder.js';

const transformerConfig = {
  in_channels: z.int().positive(),
  patch_size: z.int().positive(),
  joint_attention_dim: z.int().positive(),
};

/** The most tokens that diffusers lets T5 read by default. */
const T5_TOKENS = 256;

interface Condition {
  readonly embeddings: Floats;
  readonly summary: Floats;
  readonly cut: number;
}

/**
 * Stable Diffusion 3 and 3.5: two CLIP encoders, T5 where the model has it, a transformer and a decoder, as diffusers'
 * StableDiffusion3Pipeline runs them. Throws PanicError `InvalidInput`, `ModelFilesMissing`, `DeviceError`.
 */
export async function stableDiffusion3(
  folder: ModelFolder,
  settings: TextToImageSettings,
): Promise<Pipeline> {
  const config = await folder.config(transformerConfig, folder.transformer(), 'config.json');
  const makeScheduler = requireFlowMatch(await folder.scheduler());
  const { guidance_scale: weight, steps } = settings;
  const hasT5 = (await folder.components()).has('text_encoder_3');
  refuseUnused(settings, { negative_prompt: weight > 1, max_sequence_length: hasT5, scheduler: false });
  const decoder = await Decoder.open(folder, settings);
  const [height, width] = folder.latentSize(settings, decoder.latentPixels, config.patch_size);
  const clips = [
    await clipEncoder(folder, 'text_encoder', 'tokenizer'),
    await clipEncoder(folder, 'text_encoder_2', 'tokenizer_2'),
  ];
  const t5 = hasT5
    ? await t5Encoder(folder, 'text_encoder_3', 'tokenizer_3', settings.max_sequence_length ?? T5_TOKENS)
    : null;
  const transformer = await folder.graph(folder.transformer());
  await requireFit(folder, transformer, clips, t5, [height, width], config.patch_size);
  const channels = await latentChannels(folder, folder.transformer(), transformer, 'hidden_states');
  decoder.requireLatents(channels, height, width);
  requireBatch(transformer, 'hidden_states', weight > 1);
  const read = async (prompt: string): Promise<Condition> =>
    await readPrompt(prompt, clips, t5 ?? { dims: [1, T5_TOKENS, config.joint_attention_dim] });
  const negative = weight > 1 ? await read(settings.negative_prompt ?? '') : null;
  const dims = [1, config.in_channels, height, width];
  const imageTokens = Math.floor(height / config.patch_size) * Math.floor(width / config.patch_size);

  return {
    async paint(prompt, noise) {
      const condition = await read(prompt);
      const conditions = negative === null ? [condition] : [negative, condition];
      const fixed = {
        encoder_hidden_states: stack(...conditions.map(({ embeddings }) => embeddings)),
        pooled_projections: stack(...conditions.map(({ summary }) => summary)),
      };
      const ask = async (latents: Floats, timestep: number): Promise<Floats> =>
        await transformer.answer({
          hidden_states: latents,
          timestep: { data: conditions.map(() => timestep), dims: [conditions.length] },
          ...fixed,
        });
      const scheduler = makeScheduler({ steps, imageTokens, toOneStep: false });
      const initial = noise.normals(config.in_channels * height * width);
      const denoiser = negative === null ? ask : guided(weight, ask);
      const latents = await denoise(scheduler, dims, initial, noise, denoiser);
      return { picture: await decoder.decode(latents), cutTokens: condition.cut };
    },
  };
}

/** Throws PanicError `InvalidInput` where the transformer's configuration and graph do not fit its inputs. */
async function requireFit(
  folder: ModelFolder,
  transformer: Graph,
  clips: readonly TextEncoder[],
  t5: TextEncoder | null,
  [height, width]: readonly [number, number],
  patch: number,
): Promise<void> {
  transformer.requireInputs(['hidden_states', 'encoder_hidden_states', 'pooled_projections', 'timestep']);
  const stated = async (key: string): Promise<Statement> => await folder.statement(folder.transformer(), key);
  const joint = await stated('joint_attention_dim');
  requireAgreement('width of what is read of a prompt', [
    joint,
    transformer.inputDim('encoder_hidden_states', -1),
    ...(t5 === null ? [] : [t5.width('last_hidden_state')]),
  ]);
  const clip = together(clips.map((one) => one.width(one.beforeLastName)));
  requireRoom('width of what is read of a prompt', clip, joint, 'the files do not belong together');
  requireAgreement('width of the summary of a prompt', [
    await stated('pooled_projection_dim'),
    transformer.inputDim('pooled_projections', -1),
    together(clips.map((one) => one.width('text_embeds'))),
  ]);
  requireLatentSize(transformer, 'hidden_states', height, width);
  const places = await stated('pos_embed_max_size');
  for (const [name, latents] of Object.entries({ height, width })) {
    const wanted = { value: latents / patch, where: `the setting ${name} (in patches)` };
    requireRoom(`${name} of a picture`, wanted, places, 'set a smaller size');
  }
}

/** Reads a prompt. `t5` is the encoder or, for a model without one, the shape of the zeros in its place. */
async function readPrompt(
  prompt: string,
  clips: readonly TextEncoder[],
  t5: TextEncoder | Pick<Floats, 'dims'>,
): Promise<Condition> {
  const encoded = await Promise.all(clips.map((encoder) => encoder.encode(prompt)));
  const cuts = encoded.map(({ cut }) => cut);
  let rest: Floats;
  if (t5 instanceof TextEncoder) {
    const read = await t5.encode(prompt);
    rest = t5.value(read, 'last_hidden_state');
    cuts.push(read.cut);
  } else {
    rest = { dims: t5.dims, data: new Float32Array(t5.dims.reduce((size, length) => size * length)) };
  }
  const clip = sideBySide(...encoded.map((one, k) => clips[k]!.beforeLast(one)));
  const summaries = encoded.map((one, k) => clips[k]!.value(one, 'text_embeds'));
  const summary = sideBySide(...summaries.map(({ data }) => ({ data, dims: [1, 1, data.length] })));
  return {
    embeddings: inSequence(widened(clip, rest.dims[2]!), rest),
    summary: { data: summary.data, dims: [1, summary.data.length] },
    cut: Math.min(...cuts),
  };
}
