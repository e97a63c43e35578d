import type * as z from 'zod';
import {
  experimentFile,
  MAX_FILE_BYTES,
  SURROGATE_KINDS,
  type ExperimentConfig,
  type NullModel,
} from './config.js';
import {
  drawnSeedProblems,
  duplicateProblems,
  isFields,
  nullModelProblems,
  runCountProblems,
  seedChoiceProblems,
  textProblems,
  unknownFieldProblems,
  type Fields,
} from './field-checks.js';
import { decodedText } from '../common/file-text.js';
import { parseJsonText } from '../common/json-text.js';
import type { Catalogue } from './model.js';
import {
  connectionProblems,
  embeddingMatchProblems,
  modelProblems,
  unknownModelProblems,
} from './network-checks.js';
import { promptLengthProblems, unreadTextProblems } from './prompt-checks.js';
import { described, pathText, problem, type Problem } from '../common/problems.js';
import { surrogatePointProblems } from './surrogate-checks.js';
import { FIELD_NAMES, KEPT_FIELD_NAMES } from './fields.js';
import { picked } from '../common/records.js';
import { allowedAt, experimentSchema } from './schema.js';

/**
 * A valid experiment, or all of its problems in the order of the fields. `source` is the name under which
 * reports mention it.
 */
export type Validation =
  | { readonly ok: true; readonly config: ExperimentConfig }
  | {
      readonly ok: false;
      readonly source: string;
      readonly problems: readonly Problem[];
      /**
       * The config, if its only problems are ones that a stored experiment may have: models that the
       * catalogue no longer has and that the run may not need again, and values that an older version
       * accepted (U+FFFD, more points than surrogates can have).
       */
      readonly ifStored?: ExperimentConfig;
    };

/** Validates the text of an experiment file; `source` is its name in reports. Never throws. */
export function parseExperimentText(text: string, source: string, catalogue: Catalogue): Validation {
  const json = parseJsonText(text);
  if (!json.ok) return { ok: false, source, problems: [json.problem] };
  const validation = validateExperiment(json.value, catalogue);
  if (json.repeatedKeys.length === 0) return validation.ok ? validation : { ...validation, source };
  const others = validation.ok ? [] : validation.problems;
  return { ok: false, source, problems: [...json.repeatedKeys, ...others] };
}

/** Validates the bytes of an experiment file, UTF-8 with or without a byte order mark. Never throws. */
export function parseExperimentBytes(bytes: Uint8Array, source: string, catalogue: Catalogue): Validation {
  const text = decodedText(bytes);
  if (typeof text === 'string') return parseExperimentText(text, source, catalogue);
  return { ok: false, source, problems: [text] };
}

/**
 * Validates an experiment that is already parsed, such as the input of a workflow. A validated config is itself a valid
 * experiment and comes back equal. Never throws for what JSON can hold.
 */
export function validateExperiment(value: unknown, catalogue: Catalogue): Validation {
  const source = 'experiment';
  if (!isFields(value)) {
    return { ok: false, source, problems: [problem('', described(value), allowedAt([]))] };
  }
  const parsed = experimentSchema.safeParse(value);
  const problems = [
    ...(parsed.error?.issues ?? [])
      .filter(({ code }) => code !== 'unrecognized_keys')
      .map((issue) => formProblem(issue, value)),
    ...unknownFieldProblems(value),
    ...seedChoiceProblems(value),
    ...drawnSeedProblems(value),
    ...duplicateProblems(value),
    ...textProblems(value),
    ...promptLengthProblems(value),
    ...modelProblems(value, catalogue),
    ...connectionProblems(value, catalogue),
    ...embeddingMatchProblems(value, catalogue),
    ...nullModelProblems(value),
    ...runCountProblems(value),
  ];
  const unknown = unknownModelProblems(value, catalogue);
  const ofNewOnes = [...unreadTextProblems(value), ...unknown];
  const refused = (): Validation & { readonly ok: false } => ({
    ok: false,
    source,
    problems: inFieldOrder(withoutRepeats([...problems, ...ofNewOnes])),
  });
  if (!parsed.success || problems.length > 0) return refused();
  const config = configOf(parsed.data);
  problems.push(...sizeProblems(config));
  if (problems.length > 0) return refused();
  if (unknown.length === 0) ofNewOnes.push(...surrogatePointProblems(config, catalogue));
  return ofNewOnes.length === 0 ? { ok: true, config } : { ...refused(), ifStored: config };
}

function sizeProblems(config: ExperimentConfig): Problem[] {
  const bytes = Buffer.byteLength(JSON.stringify(experimentFile(config)));
  if (bytes <= MAX_FILE_BYTES) return [];
  const [found, allowed] = [bytes, MAX_FILE_BYTES].map((size) => size.toLocaleString('en'));
  return [
    problem(
      '',
      `${found} bytes of JSON`,
      `at most ${allowed}, which Temporal takes; split its prompts or seeds over several experiments, or use seed_count instead of seeds`,
    ),
  ];
}

/**
 * Zod names the place of a problem and leaves unknown keys to `unknownFieldProblems`. This function says in
 * our words what the file has there and what is allowed.
 */
function formProblem(issue: z.core.$ZodIssue, fields: Fields): Problem {
  const found = issue.path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    fields,
  );
  return problem(pathText(issue.path), described(found), allowedAt(issue.path));
}

function withoutRepeats(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((one) => [one.message, one])).values()];
}

function inFieldOrder(problems: readonly Problem[]): Problem[] {
  const byPath = new Intl.Collator('en', { numeric: true });
  return problems.toSorted((a, b) => fieldIndex(a) - fieldIndex(b) || byPath.compare(a.path, b.path));
}

function fieldIndex({ path }: Problem): number {
  const field = path.split(/[.[]/, 1)[0];
  const index = FIELD_NAMES.findIndex((name) => name === field);
  return index === -1 ? FIELD_NAMES.length : index;
}

function configOf(data: z.output<typeof experimentSchema>): ExperimentConfig {
  // JSON can write -0, which means 0. Adding 0 turns it into 0.
  const seeds = data.seeds?.map((seed) => seed + 0) ?? Array.from({ length: data.seed_count ?? 0 }, () => -1);
  const { drawn_seeds: given, ...rest } = data;
  const drawn = given?.map((seed) => (seed === null ? null : seed + 0));
  const whole = {
    ...rest,
    seeds,
    ...(drawn === undefined ? {} : { drawn_seeds: drawn }),
    null_model: nullModelOf(data.null_model),
  };
  return picked(
    whole,
    KEPT_FIELD_NAMES.filter((name) => name in whole),
  );
}

/** The order of the kinds has no meaning, so it must not make another experiment. */
function nullModelOf(data: NullModel | null): NullModel | null {
  if (data === null) return null;
  const { surrogates, kinds } = data;
  return { surrogates, kinds: SURROGATE_KINDS.filter((kind) => kinds.includes(kind)) };
}
