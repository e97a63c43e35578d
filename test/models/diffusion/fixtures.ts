import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GenerativeModel, ModelSettings } from '../../../experiment/model.js';
import type { Graph } from '../../../models/diffusion/graph.js';
import { ModelFolder } from '../../../models/diffusion/model-folder.js';
import { filesIn } from '../../../models/files/layout.js';
import { openFolder } from '../../../models/files/model-files.js';
import type { NoiseSource } from '../../../models/diffusion/noise/noise-source.js';
import { textToImageSettings } from '../../../models/diffusion/settings.js';
import type { Floats } from '../../../models/diffusion/tensors.js';
import { loadPipeline } from '../../../models/diffusion/text-to-image.js';
import { openForOneThread } from '../one-thread.js';

openForOneThread();

/** A tiny model, and the results of diffusers for prompts. */
export interface Fixture {
  readonly height: number;
  readonly width: number;
  readonly seed: number;
  readonly cases: readonly Case[];
  /** Cases with configurations of early schedulers; only in the fixture `sd`. */
  readonly early?: readonly (Case & { readonly config: object })[];
}

export interface Case {
  readonly num_inference_steps: number;
  readonly guidance_scale: number;
  readonly prompt: string;
  readonly negative_prompt?: string;
  readonly max_sequence_length?: number;
  readonly scheduler?: string;
  readonly vae?: string;
  /** Height x width x 3 values in 0..1. */
  readonly image: string;
}

/** The fixtures of `test/fixtures/diffusion/make.py`, made with diffusers in torch. */
export const fixtures = join(import.meta.dirname, '../../fixtures/diffusion');

export function readFixture(folder: string): Fixture {
  return JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
}

export function floats(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer);
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** A catalogue entry for all files of a folder. */
export function modelOf(folder: string, settings: ModelSettings): GenerativeModel {
  return {
    kind: 'generative',
    name: 'Tiny',
    summary: 'Random weights.',
    loader: 'text-to-image',
    source: `folder:${folder}`,
    revision: '1',
    license: 'MIT',
    input: 'text',
    output: 'image',
    deterministic: true,
    settings,
    weights: { files: filesIn(folder), gated: false, memoryMiB: 100, maxBatch: 1 },
  };
}

export function settingsOf({ width, height }: Fixture, one: Case): ModelSettings {
  const { num_inference_steps: steps, prompt: _, image: __, ...settings } = one;
  return { width, height, steps, noise: 'cpu', dtype: 'fp32', ...settings };
}

const graphs = new Map<string, Promise<Graph>>();

/** Opens each graph of a folder once for a test file. */
class FolderOfKeptGraphs extends ModelFolder {
  override graph(component: string): Promise<Graph> {
    return kept(this.path(component), () => super.graph(component));
  }

  override graphAt(file: string): Promise<Graph> {
    return kept(this.path(file), () => super.graphAt(file));
  }
}

function kept(path: string, open: () => Promise<Graph>): Promise<Graph> {
  const graph = graphs.get(path) ?? open();
  graphs.set(path, graph);
  return graph;
}

/** The picture's values before rounding. */
export async function paint(
  folder: string,
  settings: ModelSettings,
  prompt: string,
  noise: NoiseSource,
): Promise<Floats> {
  const model = modelOf(folder, settings);
  const pipeline = await loadPipeline(
    new FolderOfKeptGraphs({ model, files: await openFolder(model, folder), device: 'cpu' }),
    textToImageSettings.parse(settings),
  );
  return (await pipeline.paint(prompt, noise)).picture;
}

export function present(folder: string): boolean {
  return existsSync(join(folder, 'expected.json'));
}
