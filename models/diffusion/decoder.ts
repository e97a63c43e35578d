import { dirname } from 'node:path';
import { z } from 'zod';
import { PanicError } from '../../experiment/errors.js';
import type { Graph } from './graph.js';
import type { ModelFolder } from './model-folder.js';
import type { TextToImageSettings } from './settings.js';
import type { Floats } from './tensors.js';

const decoderConfig = {
  // Early configurations lack it; it is diffusers' default for them.
  scaling_factor: z.number().positive().default(0.18215),
  shift_factor: z.number().nullish(),
  latent_channels: z.int().positive().default(4),
  block_out_channels: z.array(z.int()).optional(),
  latents_mean: z.array(z.number()).nullish(),
  latents_std: z.array(z.number()).nullish(),
};

/** Turns latents into a picture: the decoder of a variational autoencoder, or a tiny one (TAESD) in its place. */
export class Decoder {
  private constructor(
    private readonly graph: Graph,
    private readonly config: z.infer<z.ZodObject<typeof decoderConfig>>,
  ) {}

  /**
   * The setting `vae` names a graph instead of the one in vae_decoder/; its config.json lies beside it, unless `vae_scaling_factor` says
   * what is in it. Throws PanicError `InvalidInput`, `ModelFilesMissing`, `DeviceError`.
   */
  static async open(
    folder: ModelFolder,
    { vae: file, vae_scaling_factor: factor }: TextToImageSettings,
  ): Promise<Decoder> {
    const at = file === undefined ? 'vae_decoder' : dirname(file);
    if (factor !== undefined) {
      if (file === undefined) {
        throw new PanicError(
          'InvalidInput',
          'vae_scaling_factor is for a decoder that "vae" names; leave it out',
        );
      }
      const config = z.object(decoderConfig).parse({ scaling_factor: factor });
      return new Decoder(await folder.graphAt(file), config);
    }
    // The first exporter of Stable Diffusion 1 wrote none, since all of its models had the same.
    const config =
      file === undefined && folder.isOfFirstExporter(at)
        ? z.object(decoderConfig).parse({})
        : await folder.config(decoderConfig, at, 'config.json');
    const graph = file === undefined ? await folder.graph(at) : await folder.graphAt(file);
    return new Decoder(graph, config);
  }

  /** Throws PanicError `InvalidInput` unless latents of `channels` channels are what it decodes. */
  requireChannels(channels: number): void {
    if (channels === this.config.latent_channels) return;
    throw new PanicError(
      'InvalidInput',
      `the denoiser takes ${channels} channels and the decoder ${this.config.latent_channels}; ` +
        'models that fill in or change pictures are not supported',
    );
  }

  /** Latents of channels x rows x columns to a picture of 3 x height x width, about -1..1. */
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
