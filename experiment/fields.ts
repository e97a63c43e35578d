import type * as z from 'zod';
import { namesOf } from '../common/records.js';
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_WEIGHT,
  type ExperimentConfig,
  MAX_CONCURRENCY,
  MAX_LENGTH_LIMIT,
  MAX_RUNS,
  MAX_SURROGATES,
  MAX_WEIGHT,
  MIN_WEIGHT,
  SURROGATE_KINDS,
} from './config.js';

/**
 * The functions that make a form receive Zod, so that a program that only reads stored experiments does not
 * load it.
 */
type Zod = typeof z;

interface Field {
  /** The values that a file may have there, as far as one field alone decides. */
  readonly form: (zod: Zod) => z.ZodType;
  /**
   * The value for a file without the field. A field without a default is required, unless its form says
   * otherwise.
   */
  readonly default?: unknown;
  /** A description of the field, for editors and documents. */
  readonly sentence: string;
  /**
   * The allowed values in words: for the field itself (``), for an item of its list (`[]`), or for a field of
   * its object (`.kinds`).
   */
  readonly allowed: Readonly<Record<string, string>>;
  /** Whether a validated experiment has the field. The file may say the same in other fields. */
  readonly isKept: boolean;
  /** Whether the field decides results, so that its value is hashed into the id of the experiment. */
  readonly inId: 'always' | 'unless default' | 'never';
  /** Whether the store may have experiments from before this field existed: they get its default. */
  readonly isLater: boolean;
}

/** The fields of an experiment file. Reports list problems in this order. */
export const FIELDS = {
  $schema: {
    form: (zod) => zod.string().optional(),
    sentence: 'Where this JSON Schema is, for editors. Not part of the experiment.',
    allowed: { '': 'text in quotes' },
    isKept: false,
    inId: 'never',
    isLater: false,
  },
  name: {
    form: (zod) => zod.string().regex(/\S/).nullable(),
    default: null,
    sentence:
      'What people call this experiment. It is part of its identity: another name is another experiment.',
    allowed: { '': 'text with a visible character' },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  networks: {
    form: (zod) =>
      zod
        .array(zod.array(zod.string().min(1)).min(1))
        .min(1)
        .meta({ uniqueItems: true }),
    sentence:
      'Networks of models. Step s of a run calls model s of its network, and starts again at the first after the last; ' +
      'each gets what the one before gave. The first gets the prompt, so it must take text. `panic-tda models` lists the names.',
    allowed: {
      '': 'a list of at least one network',
      '[]': 'a network: a list of at least one model name',
      '[][]': 'the name of a generative model',
    },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  prompts: {
    form: (zod) => zod.array(zod.string().regex(/\S/)).min(1).meta({ uniqueItems: true }),
    sentence: 'Texts that runs start from. There is one run for each network, seed and prompt.',
    allowed: { '': 'a list of at least one prompt', '[]': 'text with a visible character' },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  seeds: {
    form: (zod) => zod.array(zod.int().min(-1)).min(1).optional(),
    sentence:
      'Integers from -1. A seed of 0 or more is given to every step of its run, so that a repeated output is a true cycle. ' +
      '-1 draws a seed for the run and derives one for each step from it; -1 may be repeated.',
    allowed: {
      '': 'a list of at least one integer (or seed_count instead)',
      '[]': 'an integer from -1 to 9007199254740991',
    },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  seed_count: {
    form: (zod) => zod.int().min(1).max(MAX_RUNS).optional(),
    sentence: 'Instead of `seeds`: that many seeds of -1.',
    allowed: { '': 'an integer from 1 to 1,000,000' },
    isKept: false,
    inId: 'never',
    isLater: false,
  },
  drawn_seeds: {
    form: (zod) => zod.array(zod.int().min(0).nullable()).min(1).optional(),
    sentence:
      'For repeating the runs of another data folder: the drawn seed of each run of seed -1, in the order of the runs ' +
      '(`panic-tda show ID --experiment-file` writes them); null draws one. Not part of the identity of the experiment.',
    allowed: {
      '': 'a list with an integer or null for each run of seed -1',
      '[]': 'an integer from 0 to 9007199254740991, or null to draw one',
    },
    isKept: true,
    inId: 'never',
    isLater: false,
  },
  embedding_models: {
    form: (zod) => zod.array(zod.string().min(1)).meta({ uniqueItems: true }),
    sentence:
      'Models that turn outputs into points. Each embeds the outputs of its kind (texts or pictures) in every run, ' +
      'and gives one persistence diagram a run. An empty list makes trajectories alone.',
    allowed: {
      '': 'a list of embedding models, [] for trajectories alone',
      '[]': 'the name of an embedding model',
    },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  max_length: {
    form: (zod) => zod.int().min(1).max(MAX_LENGTH_LIMIT),
    sentence: 'Invocations in a run, at most; a cycle may end it earlier.',
    allowed: { '': 'an integer from 1 to 1,000,000' },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  on_cycle: {
    form: (zod) => zod.enum(['stop', 'continue']),
    default: 'stop',
    sentence:
      'What a run with a fixed seed does at the first exact repeat: stop, or continue to max_length with the rest ' +
      'filled in from the cycle without calling a model.',
    allowed: { '': '"stop" or "continue"' },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  max_dimension: {
    form: (zod) => zod.literal([0, 1, 2]),
    default: 2,
    sentence: 'Highest dimension of the persistence diagrams: 0 components, 1 loops, 2 voids.',
    allowed: { '': '0, 1 or 2' },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  max_edge_length: {
    form: (zod) => zod.number().positive().nullable(),
    default: null,
    sentence:
      'Longest edge of the Vietoris-Rips filtration, in units of the embedding; null for the whole filtration.',
    allowed: { '': 'a number above 0, or null for no limit' },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  null_model: {
    form: (zod) => nullModelForm(zod).nullable(),
    default: null,
    sentence:
      'Makes surrogates of each trajectory, which have no shape of their own, and their diagrams, to rank the longest bars ' +
      'of the trajectory among theirs. Takes as long as that many more diagrams; null or absent for none.',
    allowed: {
      '': 'an object { } with surrogates and kinds, or null for none',
      '.surrogates': 'an integer from 1 to 999',
      '.kinds': 'a list of at least one of "shuffled_increments" and "sphere"',
      '.kinds[]': '"shuffled_increments" or "sphere"',
    },
    isKept: true,
    // Experiments from before null models existed keep their ids.
    inId: 'unless default',
    isLater: true,
  },
  reuse: {
    form: (zod) => zod.boolean(),
    default: true,
    sentence:
      'Copy the output of an equal invocation of a deterministic model, or an equal vector, instead of computing it again.',
    allowed: { '': 'true or false' },
    isKept: true,
    inId: 'always',
    isLater: false,
  },
  concurrency: {
    form: (zod) => zod.int().min(1).max(MAX_CONCURRENCY),
    default: DEFAULT_CONCURRENCY,
    sentence: 'Runs in flight at once. It changes how fast results come and not what they are.',
    allowed: { '': 'an integer from 1 to 1000' },
    isKept: true,
    inId: 'never',
    isLater: false,
  },
  weight: {
    form: (zod) => zod.number().min(MIN_WEIGHT).max(MAX_WEIGHT),
    default: DEFAULT_WEIGHT,
    sentence:
      'Turns at the workers in proportion to other experiments that run at the same time: 2 gets two for each one of ' +
      'an experiment with 1. It changes how fast results come and not what they are.',
    allowed: { '': 'a number from 0.001 to 1000' },
    isKept: true,
    inId: 'never',
    isLater: true,
  },
} as const satisfies Readonly<Record<keyof ExperimentConfig | '$schema' | 'seed_count', Field>>;

export type FieldName = keyof typeof FIELDS;
export type KeptFieldName = keyof ExperimentConfig;

export const FIELD_NAMES = namesOf(FIELDS);

/** The fields that a validated experiment has, in their order there. */
export const KEPT_FIELD_NAMES = FIELD_NAMES.filter((name) => isKept(name));

function isKept(name: FieldName): name is KeptFieldName {
  return FIELDS[name].isKept;
}

export function nullModelForm(zod: Zod) {
  return zod.strictObject({
    surrogates: zod
      .int()
      .min(1)
      .max(MAX_SURROGATES)
      .describe('Surrogates of each kind for each diagram, k: the smallest p-value is 1 / (k + 1).'),
    kinds: zod
      .array(zod.enum(SURROGATE_KINDS))
      .min(1)
      .meta({ uniqueItems: true })
      .default([...SURROGATE_KINDS])
      .describe(
        'shuffled_increments: the steps of the trajectory in a random order. sphere: independent points, uniform on a ' +
          'sphere of the same size.',
      ),
  });
}

/** The value for a file without the field, for a field with a default. */
export function defaultOf(name: FieldName): unknown {
  const field: Field = FIELDS[name];
  return field.default;
}

/** Whether the field's value is hashed into the id of the experiment. */
export function isInId(name: KeptFieldName, config: ExperimentConfig): boolean {
  const { inId }: Field = FIELDS[name];
  return inId === 'always' || (inId === 'unless default' && config[name] !== defaultOf(name));
}

/** The values of later fields for an experiment that was stored before these fields existed. */
export function laterDefaults(): Readonly<Record<string, unknown>> {
  const later = FIELD_NAMES.filter((name) => FIELDS[name].isLater);
  return Object.fromEntries(later.map((name) => [name, defaultOf(name)]));
}

/**
 * The allowed values at a place of a field, such as ``, `[]` or `.kinds[]`, in words; null if the description
 * has none for it.
 */
export function allowedIn(field: string, place: string): string | null {
  const name = FIELD_NAMES.find((known) => known === field);
  if (name === undefined) return null;
  const { allowed }: Field = FIELDS[name];
  return allowed[place] ?? null;
}
