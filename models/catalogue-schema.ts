import { z } from 'zod';
import type { Model } from '../experiment/model.js';
import { captionSettings } from './captions/settings.js';
import { imageEmbedderSettings, textEmbedderSettings } from './embedders/settings.js';
import { embeddingServerSettings, generativeServerSettings } from './servers/settings.js';

const modality = z.enum(['text', 'image']);

const weights = z
  .strictObject({
    files: z.array(z.string().min(1)).min(1),
    gated: z.boolean().default(false),
    memory_mib: z.int().positive(),
    max_batch: z.int().positive().default(1),
  })
  .transform(({ memory_mib: memoryMiB, max_batch: maxBatch, ...rest }) => ({ ...rest, memoryMiB, maxBatch }));

const identity = {
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-"'),
  summary: z.string().min(1),
  revision: z.string().min(1),
  license: z.string().min(1),
};

const generative = {
  ...identity,
  kind: z.literal('generative'),
  input: modality,
  output: modality,
  deterministic: z.boolean(),
};
const embedding = {
  ...identity,
  kind: z.literal('embedding'),
  input: modality,
  dimension: z.int().positive(),
};

const builtIn = {
  loader: z.literal('built-in'),
  source: z.literal('built-in'),
  settings: z.strictObject({}).default({}),
  weights: z.null().default(null),
};
const withFiles = {
  source: z.string().regex(/^(hub:[^/]+\/[^/]+|folder:.+)$/, 'hub:owner/name or folder:PATH'),
  weights,
};

const served = {
  loader: z.literal('server'),
  source: z.string().regex(/^server:https?:\/\/\S+$/, 'server:http://host:port/path'),
  weights: z.null().default(null),
};

/** A file of catalogue entries: the program's own (`catalogue.json`) and users' own files. */
export const catalogueFileSchema = z.strictObject({
  $schema: z.string().optional(),
  models: z.array(
    z.union([
      z.strictObject({ ...generative, ...builtIn }),
      z.strictObject({ ...embedding, ...builtIn }),
      z.strictObject({
        ...generative,
        ...withFiles,
        input: z.literal('image'),
        output: z.literal('text'),
        loader: z.literal('image-to-text'),
        settings: captionSettings,
      }),
      z.strictObject({
        ...embedding,
        ...withFiles,
        input: z.literal('text'),
        loader: z.literal('text-embedder'),
        settings: textEmbedderSettings,
      }),
      z.strictObject({
        ...embedding,
        ...withFiles,
        input: z.literal('image'),
        loader: z.literal('image-embedder'),
        settings: imageEmbedderSettings,
      }),
      z.strictObject({ ...generative, ...served, settings: generativeServerSettings }),
      z.strictObject({
        ...embedding,
        ...served,
        input: z.literal('text'),
        settings: embeddingServerSettings,
      }),
    ]),
  ),
});

/** Checks the content of a catalogue file. Throws ZodError. */
export function parseCatalogueFile(content: unknown): readonly Model[] {
  return catalogueFileSchema.parse(content).models;
}
