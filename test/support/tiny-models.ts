import { join } from 'node:path';
import { filesIn } from '../../models/files/layout.js';

/** The names of `tinyCatalogue`'s models: a painter, its captioner, and embedders of their outputs. */
export const TINY_MODELS = ['TinyPainter', 'TinyCaptioner', 'TinyWords', 'TinyLooks'] as const;

/**
 * An own catalogue's entry for a tiny model of this repository, with all files of its folder except the
 * expected results.
 */
function tiny(name: string, path: string, ...parts: readonly object[]): object {
  const files = filesIn(path).filter((file) => file !== 'expected.json');
  const identity = { name, summary: 'Tiny, of random weights.', revision: '1', license: 'MIT' };
  return Object.assign(
    { ...identity, source: `folder:${path}`, weights: { files, memory_mib: 300 } },
    ...parts,
  );
}

const generative = { kind: 'generative', deterministic: true };
const vector = { file: 'model.onnx', dtype: 'fp32', output: 'last_hidden_state', normalize: true };
/** A user's own catalogue of tiny models of random weights, whose files are in this folder of fixtures. */
export function tinyCatalogue(fixtures: string): { readonly models: readonly object[] } {
  return {
    models: [
      tiny('TinyPainter', join(fixtures, 'diffusion/sd'), generative, {
        loader: 'text-to-image',
        input: 'text',
        output: 'image',
        settings: { steps: 2, guidance_scale: 0, width: 48, height: 32, dtype: 'fp32' },
      }),
      tiny('TinyCaptioner', join(fixtures, 'captioners/smolvlm-tiny'), generative, {
        loader: 'image-to-text',
        input: 'image',
        output: 'text',
        settings: {
          family: 'smolvlm',
          prompt: 'What is it?',
          max_new_tokens: 12,
          image_splitting: false,
          vision_encoder_dtype: 'fp32',
          embed_tokens_dtype: 'fp32',
          decoder_model_merged_dtype: 'fp32',
        },
      }),
      tiny('TinyWords', join(fixtures, 'embedders/mpnet'), {
        kind: 'embedding',
        loader: 'text-embedder',
        input: 'text',
        dimension: 32,
        settings: { ...vector, max_tokens: 32, pooling: 'mean' },
      }),
      tiny('TinyLooks', join(fixtures, 'embedders/dinov2'), {
        kind: 'embedding',
        loader: 'image-embedder',
        input: 'image',
        dimension: 32,
        settings: { ...vector, pooling: 'cls' },
      }),
    ],
  };
}
