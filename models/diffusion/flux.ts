import { z } from 'zod';
import { PanicError } from '../../common/errors.js';
import { requireAgreement, type Statement } from '../agreement.js';
import { Decoder } from './decoder.js';
import type { Graph } from './graph.js';
import type { ModelFolder } from './model-folder.js';
import { denoise, type Pipeline, refuseUnused } from './pipeline.js';
import { requireFlowMatch } from './schedulers/flow-match-euler-discrete.js';
import type { TextToImageSettings } from './settings.js';
import type { Floats, Numbers } from './tensors.js';
import { clipEncoder, t5Encoder, type TextEncoder } from './text-encoder.js';

const transformerConfig = { in_channels: z.int().multipleOf(4), guidance_embeds: z.boolean().default(false) };

/** The most tokens that diffusers lets T5 read. */
const T5_TOKENS = 512;
/** A patch packs two by two latents. */
const PATCH = 2;

/**
 * Flux.1 schnell and dev: the summary of a CLIP encoder, T5, a transformer over packed latents and a decoder, as
 * diffusers' FluxPipeline runs them. A model that has an input for the weight of the prompt (dev) gets it; for
 * other models it must be 0. Throws PanicError `InvalidInput`, `ModelFilesMissing`, `DeviceError`.
 */
export async function flux(folder: ModelFolder, settings: TextToImageSettings): Promise<Pipeline> {
  const config = await folder.config(transformerConfig, folder.transformer(), 'config.json');
  const makeScheduler = requireFlowMatch(await folder.scheduler());
  const { guidance_scale: weight, steps } = settings;
  refuseUnused(settings, { negative_prompt: false, scheduler: false });
  if (!config.guidance_embeds && weight !== 0) {
    throw new PanicError(
      'InvalidInput',
      `guidance_scale is ${weight}; this model has no input for it, so that it must be 0`,
    );
  }
  const decoder = await Decoder.open(folder, settings);
  const [height, width] = folder.latentSize(settings, decoder.latentPixels, PATCH);
  const channels = config.in_channels / PATCH ** 2;
  const clip = await clipEncoder(folder, 'text_encoder', 'tokenizer');
  const length = settings.max_sequence_length ?? T5_TOKENS;
  const t5 = await t5Encoder(folder, 'text_encoder_2', 'tokenizer_2', length);
  const transformer = await folder.graph(folder.transformer());
  await requireFit(folder, transformer, clip, t5, config.guidance_embeds);
  const stated = {
    value: channels,
    where: `a quarter of ${folder.path(folder.transformer(), 'config.json')}: in_channels`,
  };
  decoder.requireLatents([stated], height, width);
  const imageTokens = (height / PATCH) * (width / PATCH);
  const ids = (name: string, data: Float32Array): Numbers =>
    // Older exports have a dimension for the batch.
    ({ data, dims: [...(transformer.rank(name) === 3 ? [1] : []), data.length / 3, 3] });

  return {
    async paint(prompt, noise) {
      const summary = await clip.encode(prompt);
      const read = await t5.encode(prompt);
      const fixed = {
        pooled_projections: clip.value(summary, 'pooler_output'),
        encoder_hidden_states: t5.value(read, 'last_hidden_state'),
        txt_ids: ids('txt_ids', new Float32Array(3 * length)),
        img_ids: ids('img_ids', places(height / PATCH, width / PATCH)),
        ...(config.guidance_embeds && { guidance: { data: [weight], dims: [1] } }),
      };
      const scheduler = makeScheduler({ steps, imageTokens, toOneStep: true });
      const drawn = noise.normals(channels * height * width);
      const dims = [1, imageTokens, config.in_channels];
      const packed = await denoise(
        scheduler,
        dims,
        rearrange(drawn, channels, height, width, 'pack'),
        noise,
        async (latents, timestep) =>
          await transformer.answer({
            hidden_states: latents,
            timestep: { data: [timestep / 1000], dims: [1] },
            ...fixed,
          }),
      );
      const latents: Floats = {
        data: rearrange(packed.data, channels, height, width, 'unpack'),
        dims: [1, channels, height, width],
      };
      return { picture: await decoder.decode(latents), cutTokens: Math.min(summary.cut, read.cut) };
    },
  };
}

/** Throws PanicError `InvalidInput` where the transformer's configuration and graph do not fit its inputs. */
async function requireFit(
  folder: ModelFolder,
  transformer: Graph,
  clip: TextEncoder,
  t5: TextEncoder,
  isTold: boolean,
): Promise<void> {
  transformer.requireInputs([
    'hidden_states',
    'timestep',
    'pooled_projections',
    'encoder_hidden_states',
    'txt_ids',
    'img_ids',
    ...(isTold ? ['guidance'] : []),
  ]);
  const stated = async (key: string): Promise<Statement> => await folder.statement(folder.transformer(), key);
  requireAgreement('width of what is read of a prompt', [
    await stated('joint_attention_dim'),
    transformer.inputDim('encoder_hidden_states', -1),
    t5.width('last_hidden_state'),
  ]);
  requireAgreement('width of the summary of a prompt', [
    await stated('pooled_projection_dim'),
    transformer.inputDim('pooled_projections', -1),
    clip.width('pooler_output'),
  ]);
  requireAgreement('width of a packed patch', [
    await stated('in_channels'),
    await stated('out_channels'),
    transformer.inputDim('hidden_states', -1),
    transformer.outputDim(transformer.outputs[0]!, -1),
  ]);
}

/** For each patch a zero, its row and its column. */
function places(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: 3 * rows * columns }, (_, i) => {
    const place = Math.floor(i / 3);
    return [0, Math.floor(place / columns), place % columns][i % 3]!;
  });
}

/** Rearranges between channels x rows x columns and patches x (channels x 2 x 2). */
function rearrange(
  values: Float32Array,
  channels: number,
  height: number,
  width: number,
  way: 'pack' | 'unpack',
): Float32Array {
  const moved = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const column = i % width;
    const row = Math.floor(i / width) % height;
    const channel = Math.floor(i / (width * height));
    const patch = Math.floor(row / PATCH) * (width / PATCH) + Math.floor(column / PATCH);
    const within = (channel * PATCH + (row % PATCH)) * PATCH + (column % PATCH);
    const place = patch * channels * PATCH ** 2 + within;
    if (way === 'pack') moved[place] = values[i]!;
    else moved[i] = values[place]!;
  }
  return moved;
}
