import { dirname } from 'node:path';
import { z } from 'zod';
import { isPanicError, PanicError } from '../../common/errors.js';
import { requireAgreement, type Statement } from '../agreement.js';
import { NothingComputes } from '../onnx/session.js';
import type { Graph } from './graph.js';
import type { ModelFolder } from './model-folder.js';
import type { TextToImageSettings } from './settings.js';
import type { Floats } from './tensors.js';

const blocks = z.array(z.int()).min(1);
const decoderConfig = {
  // Early configurations lack it. Diffusers then takes this default.
  scaling_factor: z.number().positive().default(0.18215),
  shift_factor: z.number().nullish(),
  latent_channels: z.int().positive().default(4),
  out_channels: z.literal(3, 'pictures of red, green and blue are supported').default(3),
  block_out_channels: blocks.optional(),
  latents_mean: z.array(z.number()).nullish(),
  latents_std: z.array(z.number().positive()).nullish(),
};
type DecoderConfig = z.infer<z.ZodObject<typeof decoderConfig>>;

/**
 * Pixels a side for each latent, where neither a configuration nor a trial states it: the value of every decoder of
 * these families.
 */
const USUAL_LATENT_PIXELS = 8;
/** Latents a side of the trial. */
const TRIAL_SIDE = 2;

/** Turns latents into a picture: the decoder of a variational autoencoder, or a tiny one (TAESD) in its place. */
export class Decoder {
  private constructor(
    private readonly graph: Graph,
    private readonly config: DecoderConfig,
    /** The file of the configuration; null where the settings, or the habit of the first exporter, take its place. */
    private readonly configFile: string | null,
    /** Pixels a side that each latent stands for. */
    readonly latentPixels: number,
  ) {}

  /**
   * Opens the decoder. The setting `vae` names a graph in place of the one in vae_decoder/. Its config.json lies
   * beside it, unless the setting `vae_scaling_factor` replaces it. Decodes a few latents, to check the graph
   * against the configuration. Throws PanicError `InvalidInput`, `ModelFilesMissing`, `DeviceError`.
   */
  static async open(
    folder: ModelFolder,
    { vae: file, vae_scaling_factor: factor }: TextToImageSettings,
  ): Promise<Decoder> {
    const at = file === undefined ? 'vae_decoder' : dirname(file);
    if (factor !== undefined && file === undefined) {
      throw new PanicError(
        'InvalidInput',
        'vae_scaling_factor is for a decoder that "vae" names; leave it out',
      );
    }
    // The first exporter of Stable Diffusion 1 wrote no configuration, since all of its models had the same.
    const unwritten = factor !== undefined || (file === undefined && folder.isOfFirstExporter(at));
    const config = unwritten
      ? z.object(decoderConfig).parse({ scaling_factor: factor })
      : await folder.config(decoderConfig, at, 'config.json');
    const configFile = unwritten ? null : folder.path(at, 'config.json');
    requireChannelValues(config, configFile);
    const graph = file === undefined ? await folder.graph(at) : await folder.graphAt(file);
    return new Decoder(graph, config, configFile, await latentPixels(graph, config, configFile));
  }

  /**
   * Throws PanicError `InvalidInput` unless the decoder takes latents of this shape. The denoiser states the
   * channels.
   */
  requireLatents(channels: readonly Statement[], rows: number, columns: number): void {
    const input = this.graph.onlyInput('latent_sample');
    requireAgreement(
      'channels of the latents',
      [
        ...channels,
        {
          value: this.configFile === null ? null : this.config.latent_channels,
          where: `${this.configFile}: latent_channels`,
        },
        this.graph.inputDim(input, 1),
      ],
      'models that fill in or change pictures are not supported',
    );
    const size = [
      ['height', rows, 2],
      ['width', columns, 3],
    ] as const;
    for (const [name, wanted, axis] of size) {
      const setting = {
        value: wanted,
        where: `the setting ${name} (by ${this.latentPixels} pixels a latent)`,
      };
      requireAgreement(
        `${name} of the latents`,
        [setting, this.graph.inputDim(input, axis)],
        'set the other size',
      );
    }
  }

  /** Turns latents of channels x rows x columns into a picture of 3 x height x width, about -1..1. */
  async decode(latents: Floats): Promise<Floats> {
    const data = this.unscaled(latents);
    return await this.graph.answer({ [this.graph.onlyInput('latent_sample')]: { data, dims: latents.dims } });
  }

  private unscaled({ data, dims }: Floats): Float32Array {
    const {
      scaling_factor: factor,
      shift_factor: shift,
      latents_mean: mean,
      latents_std: deviation,
    } = this.config;
    if (!mean || !deviation) return data.map((value) => Math.fround(value / factor) + (shift ?? 0));
    const plane = dims[2]! * dims[3]!;
    return data.map((value, i) => {
      const channel = Math.floor(i / plane);
      return (value * deviation[channel]!) / factor + mean[channel]!;
    });
  }
}

/** Throws PanicError `InvalidInput` unless each channel has a mean and a deviation, or no channel has either. */
function requireChannelValues(config: DecoderConfig, file: string | null): void {
  const { latents_mean: mean, latents_std: deviation, latent_channels: channels } = config;
  for (const [key, values] of Object.entries({ latents_mean: mean, latents_std: deviation })) {
    if ((values?.length ?? channels) === channels && Boolean(mean) === Boolean(deviation)) continue;
    throw new PanicError(
      'InvalidInput',
      `${file}: ${key} has ${values?.length ?? 'no'} values; latents_mean and latents_std need one for each of the ${channels} latent_channels, or none`,
    );
  }
}

/**
 * Pixels a side for each latent: the value of the configuration, as diffusers reads it (each block but the last
 * halves the picture's sides), and the value that the graph gives for a few latents. Throws PanicError
 * `InvalidInput` where the two differ.
 */
async function latentPixels(graph: Graph, config: DecoderConfig, file: string | null): Promise<number> {
  const named = config.block_out_channels;
  const stated = {
    value: named === undefined ? null : 2 ** (named.length - 1),
    where: `${file}: block_out_channels, with ${named?.length} blocks,`,
  };
  const value = await triedLatentPixels(graph, config).catch((error: unknown) => {
    // A loader that opens no graph relies on the configuration.
    if (error instanceof NothingComputes && stated.value !== null) return null;
    throw error;
  });
  const tried = { value, where: `${graph.file}: a trial` };
  requireAgreement('pixels a side for each latent', [stated, tried]);
  return stated.value ?? tried.value ?? USUAL_LATENT_PIXELS;
}

/** Null where the graph cannot decode so few latents, since its exporter fixed the picture's size. */
async function triedLatentPixels(graph: Graph, config: DecoderConfig): Promise<number | null> {
  const input = graph.onlyInput('latent_sample');
  const side = (axis: number): number => graph.inputDim(input, axis).value ?? TRIAL_SIDE;
  const dims = [1, graph.inputDim(input, 1).value ?? config.latent_channels, side(2), side(3)];
  const data = new Float32Array(dims.reduce((size, length) => size * length));
  try {
    const { dims: picture } = await graph.answer({ [input]: { data, dims } });
    const [rows, columns] = [picture[2]! / dims[2]!, picture[3]! / dims[3]!];
    return picture.length === 4 && Number.isInteger(rows) && rows === columns ? rows : null;
  } catch (error) {
    if (isPanicError(error)) return null;
    throw error;
  }
}
