import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import type { EmbeddingModel, ModelSettings } from '../../experiment/model.js';
import { isPanicError } from '../../common/errors.js';
import type { LoadedEmbedder } from '../../models/loaded-model.js';
import { filesIn } from '../../models/files/layout.js';
import { lookAndLoad } from './look-and-load.js';

/** Tiny models of this repository; see make.py there. */
export const own = join(import.meta.dirname, '../fixtures/embedders');
/** Tiny models that others made. They are not part of this repository. */
export const shared = join(import.meta.dirname, '../../../shared/model-fixtures');
export const sharedIsHere = existsSync(shared);

export interface Entry {
  readonly folder: string;
  readonly input: 'text' | 'image';
  readonly dimension: number;
  readonly settings: ModelSettings;
  readonly files?: readonly string[];
  readonly maxBatch?: number;
}

/** A catalogue entry for a folder with a tiny model. */
export function modelOf({ folder, input, dimension, settings, files, maxBatch = 32 }: Entry): EmbeddingModel {
  return {
    name: 'Tiny',
    summary: 'A tiny model with random weights.',
    kind: 'embedding',
    loader: input === 'text' ? 'text-embedder' : 'image-embedder',
    source: `folder:${folder}`,
    revision: '1',
    license: 'MIT',
    input,
    dimension,
    settings,
    weights: { files: files ?? filesIn(folder), gated: false, memoryMiB: 50, maxBatch },
  };
}

export async function load(entry: Entry): Promise<LoadedEmbedder> {
  const loaded = await lookAndLoad(modelOf(entry), entry.folder);
  if (loaded.kind !== 'embedding') throw new Error('not an embedder');
  return loaded;
}

export async function vectorsOf(
  embedder: LoadedEmbedder,
  inputs: readonly Artifact[],
): Promise<Float32Array[]> {
  return (await embedder.embed(inputs)).map((item) => item.vector);
}

/** Rows of `dimension` values from base64 of little-endian float32. */
export function rows(base64: string, dimension: number): Float32Array[] {
  const values = new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer);
  return Array.from({ length: values.length / dimension }, (_, row) =>
    values.slice(row * dimension, (row + 1) * dimension),
  );
}

/** The text of the `expected.json` in a tiny model's folder. */
export function expectedText(folder: string): string {
  return readFileSync(join(folder, 'expected.json'), 'utf8');
}

/** The largest difference of two values at the same place. */
export function apart(found: readonly Float32Array[], expected: readonly Float32Array[]): number {
  if (found.length !== expected.length) return Infinity;
  return Math.max(
    ...found.map((vector, row) => {
      const other = expected[row]!;
      if (vector.length !== other.length) return Infinity;
      return vector.reduce((largest, value, i) => Math.max(largest, Math.abs(value - other[i]!)), 0);
    }),
  );
}

/** The pictures of test/fixtures/pictures/make.py. */
export function rampsOf(width: number, height: number): ImageArtifact {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[at++] = x * x * 7 + y * 13;
      pixels[at++] = x * y * 3 + y * y;
      pixels[at++] = x * 31 + y * 17 + ((x * y) % 89);
    }
  }
  return { modality: 'image', width, height, pixels };
}

export async function readPicture(path: string): Promise<ImageArtifact> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { modality: 'image', width: info.width, height: info.height, pixels: new Uint8Array(data) };
}

/** The message of the error with which a promise rejects. The error must be of this kind. */
export async function failure(
  kind: Parameters<typeof isPanicError>[1],
  promise: Promise<unknown>,
): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isPanicError(error, kind)) throw new Error(`expected ${kind}, got ${String(error)}`);
  return error.message;
}
