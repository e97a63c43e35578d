import { z } from 'zod';
import { PanicError } from '../../common/errors.js';
import { quoted } from '../../common/problems.js';
import { excerptOf, isBlank, onOneLine } from '../../common/text.js';

/** The parts of the servers' answers that this program reads. It does not check the rest. */
const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });

/** The names in a list of models; null for any other answer. A list without names also says nothing. */
export function listedNames(answer: unknown): readonly string[] | null {
  const { success, data } = modelList.safeParse(answer);
  const names = success ? data.data.map(({ id }) => id).filter((id) => !isBlank(id)) : [];
  return names.length === 0 ? null : names;
}

/** The model that answered. Many bridges leave it out, or empty. */
const answering = { model: z.string().nullish() };

/** The judgement of Azure's filter on an answer: `{ "hate": { "filtered": false, … }, … }`. */
const filterResults = z.unknown().optional();

/**
 * Some servers give a picture even after a failure, such as a black or a blurred one, and state in one of these
 * fields why.
 */
const picture = z.object({
  b64_json: z.string().min(1),
  /** The field's name at bridges to other services, and at Stability. */
  finish_reason: z.unknown().optional(),
  finishReason: z.unknown().optional(),
  error: z.unknown().optional(),
  content_filter_results: filterResults,
  /** The prompt in the server's own words, where the server rewrote it. */
  revised_prompt: z.string().nullish(),
});
export type ServedPicture = z.infer<typeof picture>;

export const imagesAnswer = z.object({ ...answering, data: z.array(picture).length(1) });

const chatChoice = z.object({
  finish_reason: z.string().nullish(),
  /** A failure after the answer had begun, at OpenRouter. */
  error: z.unknown().optional(),
  content_filter_results: filterResults,
  message: z.object({
    content: z.string().nullish(),
    refusal: z.unknown().optional(),
    /** What the model wants done in place of a caption, or beside one. `function_call` is the older name. */
    tool_calls: z.unknown().optional(),
    function_call: z.unknown().optional(),
    /**
     * The model's thinking, where the server keeps it apart: `reasoning_content` at vLLM and DeepSeek, `reasoning`
     * at OpenRouter.
     */
    reasoning_content: z.unknown().optional(),
    reasoning: z.unknown().optional(),
  }),
});
export type ChatChoice = z.infer<typeof chatChoice>;

const filterJudgement = z.object({ filtered: z.literal(true) });

/**
 * What a content filter removed from an answer, as the end of "the server …"; null where the filter removed
 * nothing.
 */
export function filteredText(results: unknown): string | null {
  const { success, data } = z.record(z.string(), z.unknown()).safeParse(results);
  if (!success) return null;
  const categories = Object.keys(data).filter((name) => filterJudgement.safeParse(data[name]).success);
  if (categories.length === 0) return null;
  const names = excerptOf(onOneLine(categories.join(', ')), 200);
  return `gave what its content filter left (content_filter_results: filtered for ${names})`;
}

export const chatAnswer = z.object({ ...answering, choices: z.array(chatChoice).length(1) });

export const embeddingsAnswer = z.object({
  ...answering,
  data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()) })),
});

const errorAnswer = z.object({ error: z.unknown().optional() });

/**
 * Reads an answer. Throws PanicError `ModelOutputInvalid` where it has another form, reports an error beside its
 * content, or comes from another model than `served`.
 */
export function readAnswer<T extends { model?: string | null | undefined }>(
  form: z.ZodType<T>,
  answer: unknown,
  url: URL,
  served: string,
): T {
  const { success, data, error } = form.safeParse(answer);
  if (!success) {
    throw new PanicError(
      'ModelOutputInvalid',
      `${url.href} answered in another form than its interface has: ${saidError(answer) ?? z.prettifyError(error)}`,
    );
  }
  const said = saidError(answer);
  if (said !== null) {
    throw new PanicError('ModelOutputInvalid', `${url.href} answered, and reports an error: ${said}`);
  }
  const name = data.model ?? '';
  if (!isBlank(name) && name !== served) {
    throw new PanicError(
      'ModelOutputInvalid',
      `${url.href} answered as ${quoted(name)} where ${quoted(served)} was expected; if that is the same model, ` +
        `say so by the setting served_as`,
    );
  }
  return data;
}

/** Some servers report a failure with status 200. */
function saidError(answer: unknown): string | null {
  const { success, data } = errorAnswer.safeParse(answer);
  return success && !isNothing(data.error) ? `it says ${errorText(data.error)}` : null;
}

const errorMessageForm = z.object({ message: z.string() });

/** A server's error for a message: a text, an object with a message, or anything else. */
export function errorText(error: unknown): string {
  const { success, data } = errorMessageForm.safeParse(error);
  const text = success ? data.message : typeof error === 'string' ? error : JSON.stringify(error);
  return quoted(excerptOf(onOneLine(text), 300));
}

/** Whether a field that can report a failure reports none. */
export function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === 'string' && isBlank(value);
}

/**
 * The vectors of an answer in the order of the inputs. Throws PanicError `ModelOutputInvalid` unless each index of
 * 0 to `count` - 1 comes once.
 */
export function vectorsInOrder(
  { data }: z.infer<typeof embeddingsAnswer>,
  count: number,
  url: URL,
): readonly Float32Array[] {
  const fail = (what: string): PanicError =>
    new PanicError('ModelOutputInvalid', `${url.href} gave ${what} for ${count} inputs`);
  if (data.length !== count) throw fail(`${data.length} vectors`);
  const vectors: Float32Array[] = [];
  for (const { index, embedding } of data) {
    if (index >= count) throw fail(`a vector with index ${index}`);
    if (vectors[index] !== undefined) throw fail(`two vectors with index ${index}`);
    vectors[index] = Float32Array.from(embedding);
  }
  return vectors;
}
