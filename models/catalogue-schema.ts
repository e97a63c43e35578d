import { z } from 'zod';
import { MODALITIES } from '../experiment/artifact.js';
import type { KnownFile, Model, UnavailableModel, Weights } from '../experiment/model.js';
import { captionSettings } from './captions/settings.js';
import { textToImageSettings } from './diffusion/settings.js';
import { imageEmbedderSettings, textEmbedderSettings } from './embedders/settings.js';
import { embeddingServerSettings, generativeServerSettings } from './servers/settings.js';
import { modelPathProblem } from './files/model-path.js';
import { visibleText } from './visible-text.js';

const modality = z.enum(MODALITIES);

// Paths stay within a repository, so that the program reads and writes nothing outside of the model's folder.
const filePath = z
  .string()
  .refine((path) => modelPathProblem(path) === null, {
    error: ({ input }) =>
      `a path within the repository, such as onnx/model.onnx; this one ${modelPathProblem(String(input))}`,
  })
  // For editors. The program's own check refuses more.
  .meta({
    pattern: String.raw`^(?!/)(?![\s\S]*(^|/)\.{0,2}(/|$))[^\\\u0000-\u001f\u007f-\u009f\u2028\u2029]+$`,
  });

const weightsFile = z.union([
  filePath,
  z.strictObject({
    path: filePath,
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits')
      .optional(),
    bytes: z.int().nonnegative().optional(),
  }),
]);

const files = z
  .array(weightsFile)
  .min(1)
  .describe('Paths within the repository; as an object with what is known of the file: sha256, bytes.');

const revision = z
  .string()
  .regex(/^(?!.*\.\.)\w[\w./-]*$/, 'a commit, or the name of a branch, a tag or a version')
  .describe('The commit of the repository; or a name, which is pinned when the files are got.');

const component = z
  .strictObject({
    source: z.string().regex(/^hub:\w[\w.-]*\/\w[\w.-]*$/, 'hub:owner/name'),
    revision,
    folder: z
      .string()
      .regex(/^\w[\w.-]*$/, "the name of a folder within the model's")
      .describe("Where its files lie within the model's folder, laid out as in their repository."),
    files,
  })
  .describe('Files of another repository that the model is made of as well.');

type WeightsFile = z.output<typeof weightsFile>;

function pathOf(file: WeightsFile): string {
  return typeof file === 'string' ? file : file.path;
}

function knownOf(file: WeightsFile): KnownFile {
  if (typeof file === 'string') return {};
  const { sha256, bytes } = file;
  return { ...(sha256 && { sha256 }), ...(bytes !== undefined && { bytes }) };
}

const weights = z
  .strictObject({
    files,
    components: z.array(component).default([]),
    gated: z.boolean().default(false).describe('Whether the repository wants an agreement to its terms.'),
    memory_mib: z.int().positive().describe('Memory of the loaded model, MiB; an estimate.'),
    max_batch: z.int().positive().default(1).describe('Inputs that are worth computing at once.'),
  })
  .transform(({ files: own, components, gated, memory_mib: memoryMiB, max_batch: maxBatch }): Weights => {
    const all = [
      ...own.map((file) => [pathOf(file), knownOf(file)] as const),
      ...components.flatMap((part) =>
        part.files.map((file) => [`${part.folder}/${pathOf(file)}`, knownOf(file)] as const),
      ),
    ];
    const known = all.filter(([, facts]) => Object.keys(facts).length > 0);
    return {
      files: all.map(([path]) => path),
      ...(components.length > 0 && {
        components: components.map((part) => ({ ...part, files: part.files.map(pathOf) })),
      }),
      ...(known.length > 0 && { known: Object.fromEntries(known) }),
      gated,
      memoryMiB,
      maxBatch,
    };
  });

const identity = {
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-"'),
  summary: visibleText,
  revision,
  license: visibleText,
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
  source: z
    .string()
    .regex(
      /^(hub:\w[\w.-]*\/\w[\w.-]*|folder:.+|package:\w[\w-]*(\/\w[\w-]*)*)$/,
      'hub:owner/name or folder:PATH',
    )
    .describe(
      'hub:owner/name; or folder:PATH, from the place of this file on. The program alone has package:PATH, files of its own.',
    ),
  weights,
};

const served = {
  loader: z.literal('server'),
  source: z.string().regex(/^server:https?:\/\/\S+$/, 'server:http://host:port/path'),
  weights: z.null().default(null),
};

/** The schema of a catalogue file: the program's own (`catalogue.json`) or a user's. */
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
        ...generative,
        ...withFiles,
        input: z.literal('text'),
        output: z.literal('image'),
        loader: z.literal('text-to-image'),
        settings: textToImageSettings,
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
  unavailable: z
    .array(
      z.strictObject({
        name: identity.name,
        missing: visibleText.describe('What keeps the program from running it.'),
        instead: visibleText.describe('What to take instead.'),
      }),
    )
    .default([])
    .describe('Models that people ask for by these names and that cannot be run.'),
});

export interface CatalogueFile {
  readonly models: readonly Model[];
  readonly unavailable: readonly UnavailableModel[];
}

/** The models of a catalogue file's content. Throws ZodError where the content does not fit the schema. */
export function parseCatalogueFile(content: unknown): readonly Model[] {
  return catalogueFileSchema.parse(content).models;
}

/** The JSON Schema (draft 2020-12) of a catalogue file; `scripts/write-schema.mjs` writes it next to this file. */
export function catalogueJsonSchema(): Record<string, unknown> {
  const titled = catalogueFileSchema.meta({
    title: 'panic-tda catalogue',
    description: 'Models for panic-tda: where their files are, and how they are run.',
  });
  return z.toJSONSchema(titled, { io: 'input', unrepresentable: 'any' });
}
