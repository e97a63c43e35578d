import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { GenerativeModel, ModelSettings } from '../../../experiment/model.js';
import { ModelFolder } from '../../../models/diffusion/model-folder.js';
import type { NoiseSource } from '../../../models/diffusion/noise/noise-source.js';
import { unitPixels } from '../../../models/diffusion/picture.js';
import { textToImageSettings } from '../../../models/diffusion/settings.js';
import { loadPipeline } from '../../../models/diffusion/text-to-image.js';

/** A tiny model, and what diffusers makes of a prompt with it. */
export interface Fixture {
  readonly prompt: string;
  readonly height: number;
  readonly width: number;
  readonly seed: number;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly num_inference_steps: number;
  readonly guidance_scale: number;
  readonly negative_prompt?: string;
  /** Height x width x 3 values in 0..1, by diffusers on the same ONNX graphs. */
  readonly image_ort: string;
}

export function readFixture(folder: string): Fixture {
  return JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Fixture;
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

/** A catalogue entry for a folder: all of its files. */
export function modelOf(folder: string, settings: ModelSettings): GenerativeModel {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
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
    weights: { files, gated: false, memoryMiB: 100, maxBatch: 1 },
  };
}

export function settingsOf(fixture: Fixture, one: Case): ModelSettings {
  const { width, height } = fixture;
  return {
    width,
    height,
    steps: one.num_inference_steps,
    guidance_scale: one.guidance_scale,
    noise: 'cpu',
    dtype: 'fp32',
    ...(one.negative_prompt !== undefined && { negative_prompt: one.negative_prompt }),
  };
}

/** The picture's values before rounding, height x width x 3 in 0..1. */
export async function paintUnit(
  folder: string,
  settings: ModelSettings,
  prompt: string,
  noise: NoiseSource,
): Promise<Float32Array> {
  const pipeline = await loadPipeline(
    new ModelFolder(modelOf(folder, settings), folder, 'cpu'),
    textToImageSettings.parse(settings),
  );
  return unitPixels((await pipeline.paint(prompt, noise)).picture);
}

export function present(folder: string): boolean {
  return existsSync(join(folder, 'expected.json'));
}
