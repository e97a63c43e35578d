import * as z from 'zod';
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_WEIGHT,
  MAX_LENGTH_LIMIT,
  MAX_SURROGATES,
  SURROGATE_KINDS,
} from './config.js';

export const MAX_RUNS = 1_000_000;
export const MAX_CONCURRENCY = 1000;
/** Those that a Temporal server tells apart. */
export const MIN_WEIGHT = 0.001;
export const MAX_WEIGHT = 1000;

const modelName = z.string().min(1);

const nullModelSchema = z.strictObject({
  surrogates: z
    .int()
    .min(1)
    .max(MAX_SURROGATES)
    .describe('Surrogates of each kind for each diagram, k: the smallest p-value is 1 / (k + 1).'),
  kinds: z
    .array(z.enum(SURROGATE_KINDS))
    .min(1)
    .meta({ uniqueItems: true })
    .default([...SURROGATE_KINDS])
    .describe(
      'shuffled_increments: the steps of the trajectory in a random order. sphere: independent points, uniform on a ' +
        'sphere of the same size.',
    ),
});

/**
 * The form of an experiment file, field by field: what an editor can check. What needs the catalogue or several fields
 * at once (models that exist and connect, duplicates, `seeds` or `seed_count`) is in `validate.ts`.
 */
export const experimentSchema = z.object({
  $schema: z
    .string()
    .optional()
    .describe('Where this JSON Schema is, for editors. Not part of the experiment.'),
  name: z
    .string()
    .regex(/\S/)
    .nullable()
    .default(null)
    .describe(
      'What people call this experiment. It is part of its identity: another name is another experiment.',
    ),
  networks: z
    .array(z.array(modelName).min(1))
    .min(1)
    .meta({ uniqueItems: true })
    .describe(
      'Networks of models. Step s of a run calls model s of its network, and starts again at the first after the last; ' +
        'each gets what the one before gave. The first gets the prompt, so it must take text. `panic-tda models` lists the names.',
    ),
  prompts: z
    .array(z.string().regex(/\S/))
    .min(1)
    .meta({ uniqueItems: true })
    .describe('Texts that runs start from. There is one run for each network, seed and prompt.'),
  seeds: z
    .array(z.int().min(-1))
    .min(1)
    .optional()
    .describe(
      'Integers from -1. A seed of 0 or more is given to every step of its run, so that a repeated output is a true cycle. ' +
        '-1 draws a seed for the run and derives one for each step from it; -1 may be repeated.',
    ),
  seed_count: z.int().min(1).max(MAX_RUNS).optional().describe('Instead of `seeds`: that many seeds of -1.'),
  drawn_seeds: z
    .array(z.int().min(0).nullable())
    .min(1)
    .optional()
    .describe(
      'For repeating the runs of another data folder: the drawn seed of each run of seed -1, in the order of the runs ' +
        '(`panic-tda show ID --experiment-file` writes them); null draws one. Not part of the identity of the experiment.',
    ),
  embedding_models: z
    .array(modelName)
    .meta({ uniqueItems: true })
    .describe(
      'Models that turn outputs into points. Each embeds the outputs of its kind (texts or pictures) in every run, ' +
        'and gives one persistence diagram a run. An empty list makes trajectories alone.',
    ),
  max_length: z
    .int()
    .min(1)
    .max(MAX_LENGTH_LIMIT)
    .describe('Invocations in a run, at most; a cycle may end it earlier.'),
  on_cycle: z
    .enum(['stop', 'continue'])
    .default('stop')
    .describe(
      'What a run with a fixed seed does at the first exact repeat: stop, or continue to max_length with the rest ' +
        'filled in from the cycle without calling a model.',
    ),
  max_dimension: z
    .literal([0, 1, 2])
    .default(2)
    .describe('Highest dimension of the persistence diagrams: 0 components, 1 loops, 2 voids.'),
  max_edge_length: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe(
      'Longest edge of the Vietoris-Rips filtration, in units of the embedding; null for the whole filtration.',
    ),
  null_model: nullModelSchema
    .nullable()
    .default(null)
    .describe(
      'Makes surrogates of each trajectory, which have no shape of their own, and their diagrams, to rank the longest bars ' +
        'of the trajectory among theirs. Takes as long as that many more diagrams; null or absent for none.',
    ),
  reuse: z
    .boolean()
    .default(true)
    .describe(
      'Copy the output of an equal invocation of a deterministic model, or an equal vector, instead of computing it again.',
    ),
  concurrency: z
    .int()
    .min(1)
    .max(MAX_CONCURRENCY)
    .default(DEFAULT_CONCURRENCY)
    .describe('Runs in flight at once. It changes how fast results come and not what they are.'),
  weight: z
    .number()
    .min(MIN_WEIGHT)
    .max(MAX_WEIGHT)
    .default(DEFAULT_WEIGHT)
    .describe(
      'Turns at the workers in proportion to other experiments that run at the same time: 2 gets two for each one of ' +
        'an experiment with 1. It changes how fast results come and not what they are.',
    ),
});

/** What is allowed at a place of the file, as `pathText` writes it but for list indices, which are `[]`. */
const ALLOWED: Readonly<Record<string, string>> = {
  '': 'an object { } with the fields of an experiment',
  $schema: 'text in quotes',
  name: 'text with a visible character',
  networks: 'a list of at least one network',
  'networks[]': 'a network: a list of at least one model name',
  'networks[][]': 'the name of a generative model',
  prompts: 'a list of at least one prompt',
  'prompts[]': 'text with a visible character',
  seeds: 'a list of at least one integer (or seed_count instead)',
  'seeds[]': 'an integer from -1 to 9007199254740991',
  seed_count: 'an integer from 1 to 1,000,000',
  drawn_seeds: 'a list with an integer or null for each run of seed -1',
  'drawn_seeds[]': 'an integer from 0 to 9007199254740991, or null to draw one',
  embedding_models: 'a list of embedding models, [] for trajectories alone',
  'embedding_models[]': 'the name of an embedding model',
  max_length: 'an integer from 1 to 1,000,000',
  on_cycle: '"stop" or "continue"',
  max_dimension: '0, 1 or 2',
  max_edge_length: 'a number above 0, or null for no limit',
  null_model: 'an object { } with surrogates and kinds, or null for none',
  'null_model.surrogates': 'an integer from 1 to 999',
  'null_model.kinds': 'a list of at least one of "shuffled_increments" and "sphere"',
  'null_model.kinds[]': '"shuffled_increments" or "sphere"',
  reuse: 'true or false',
  concurrency: 'an integer from 1 to 1000',
  weight: 'a number from 0.001 to 1000',
};

export function allowedAt(path: readonly PropertyKey[]): string {
  const place = path
    .map((segment, depth) =>
      typeof segment === 'number' ? '[]' : `${depth === 0 ? '' : '.'}${String(segment)}`,
    )
    .join('');
  return ALLOWED[place] ?? 'another value';
}

export const FIELD_NAMES: readonly string[] = Object.keys(experimentSchema.shape);
export const NULL_MODEL_FIELD_NAMES: readonly string[] = Object.keys(nullModelSchema.shape);

/** The JSON Schema (draft 2020-12) of an experiment file; `scripts/write-schema.mjs` writes it next to this file. */
export function experimentJsonSchema(): Record<string, unknown> {
  const strict = experimentSchema.strict().meta({
    title: 'panic-tda experiment',
    description: 'Networks of generative models in feedback loops, and the topology of their trajectories.',
    oneOf: [{ required: ['seeds'] }, { required: ['seed_count'] }],
  });
  return z.toJSONSchema(strict, { io: 'input' });
}
