import { afterAll } from '@jest/globals';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { ImageArtifact } from '../../../experiment/artifact.js';
import type { GenerativeModel, ModelSettings } from '../../../experiment/model.js';
import type { Fingerprint } from '../../../experiment/provenance.js';
import { parseCatalogueFile } from '../../../models/catalogue-schema.js';
import { filesIn } from '../../../models/files/layout.js';

export const fixtures = join(import.meta.dirname, '../../fixtures/captioners');

/** The result of transformers for a picture (`test/fixtures/captioners/*.py`). */
export interface ExpectedCaption {
  readonly file: string;
  readonly image_splitting?: boolean;
  readonly pixel_values: { readonly dims: readonly number[]; readonly sha256: string };
  readonly input_ids: readonly number[];
  readonly greedy_ids: readonly number[];
  readonly greedy_text: string;
}
export interface ExpectedFile {
  readonly prompt: string;
  readonly new_tokens: number;
  readonly captions: readonly ExpectedCaption[];
}

/** The `expected.json` of a tiny model's folder. */
export function readExpected(folder: string): ExpectedFile {
  return JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
}

/** The object in a JSON file. */
export function readObject(path: string): object {
  return JSON.parse(readFileSync(path, 'utf8'));
}

export async function readPicture(path: string): Promise<ImageArtifact> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { modality: 'image', width: info.width, height: info.height, pixels: new Uint8Array(data) };
}

/** `<graph>_dtype: fp32` for each graph. */
export function fp32(...graphs: readonly string[]): ModelSettings {
  return Object.fromEntries(graphs.map((graph) => [`${graph}_dtype`, 'fp32']));
}

type Captioner = Extract<GenerativeModel, { readonly loader: 'image-to-text' }>;

/** A catalogue entry for all files of a folder, checked as users' entries are. */
export function captionerIn(folder: string, settings: ModelSettings, name = 'Tiny'): Captioner {
  const [model] = parseCatalogueFile({
    models: [
      {
        name,
        kind: 'generative',
        summary: 'A tiny captioner.',
        loader: 'image-to-text',
        source: `folder:${folder}`,
        revision: '1',
        license: 'MIT',
        input: 'image',
        output: 'text',
        deterministic: true,
        settings,
        weights: { files: filesIn(folder), memory_mib: 50 },
      },
    ],
  });
  if (model?.loader !== 'image-to-text') throw new Error('a captioner has a loader of its own');
  return model;
}

let loader: ChildProcess | null = null;
afterAll(() => void loader?.kill());

/** The answer of the compiled loader, from one process for all tasks of a file: its start takes half a second of CPU. */
async function answerTo(task: object): Promise<string> {
  loader ??= fork(join(import.meta.dirname, 'answer-main.mjs'));
  const process = loader;
  const ended = new AbortController();
  const end = (): void => ended.abort(new Error('the process of the loader ended'));
  process.once('exit', end);
  try {
    process.send(task);
    const [answer]: unknown[] = await once(process, 'message', { signal: ended.signal });
    return String(answer);
  } finally {
    process.off('exit', end);
  }
}

export type TokenIds = Pick<ExpectedCaption, 'pixel_values' | 'greedy_ids' | 'input_ids'>;

/** The result of the compiled loader for the pictures. */
export async function tokenIds(
  folder: string,
  settings: ModelSettings,
  pictures: readonly string[],
): Promise<TokenIds[]> {
  return JSON.parse(await answerTo({ model: captionerIn(folder, settings), folder, pictures }));
}

export interface Failure {
  readonly kind: string;
  readonly message: string;
}
export type BatchItem = { readonly seed: number } & (
  | { readonly file: string }
  | { readonly text: string }
  | { readonly width: number; readonly height: number }
);
export interface Answers {
  readonly fingerprint: Fingerprint;
  readonly answers: readonly (readonly (string | Failure)[])[];
  /** Whether a caption stopped at its limit of tokens; null for an error. */
  readonly cuts: readonly (readonly (boolean | null)[])[];
}

/** The answers of the compiled loader to batches, or the error of its loading. */
export async function captions(
  model: GenerativeModel,
  folder: string,
  batches: readonly (readonly BatchItem[])[],
): Promise<Answers | { readonly error: Failure }> {
  return JSON.parse(await answerTo({ model, folder, batches }));
}
