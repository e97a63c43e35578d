import { z } from 'zod';
import { PanicError } from '../../experiment/errors.js';
import { quoted } from '../../experiment/problems.js';
import { excerptOf, isBlank, onOneLine } from '../../experiment/text.js';

/** What is read of the servers' answers; they say more, which is not ours to check. */
const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });

/** The names of a list of models; null for anything that is none: a list without names says nothing either. */
export function listedNames(answer: unknown): readonly string[] | null {
  const { success, data } = modelList.safeParse(answer);
  const names = success ? data.data.map(({ id }) => id).filter((id) => !isBlank(id)) : [];
  return names.length === 0 ? null : names;
}

/** Which model answered. Many bridges leave it out, or empty. */
const answering = { model: z.string().nullish() };

export const imagesAnswer = z.object({
  ...answering,
  data: z.array(z.object({ b64_json: z.string().min(1) })).length(1),
});

const chatChoice = z.object({
  finish_reason: z.string().nullish(),
  message: z.object({
    content: z.string().nullish(),
    refusal: z.unknown().optional(),
    /** What the model thought, where the server keeps it apart: vLLM's and DeepSeek's name, and OpenRouter's. */
    reasoning_content: z.unknown().optional(),
    reasoning: z.unknown().optional(),
  }),
});
export type ChatChoice = z.infer<typeof chatChoice>;

export const chatAnswer = z.object({ ...answering, choices: z.array(chatChoice).length(1) });

export const embeddingsAnswer = z.object({
  ...answering,
  data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()) })),
});

const errorAnswer = z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) });

/** Throws PanicError `ModelOutputInvalid` where the answer has another form, or comes from another model than `served`. */
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

/** Some servers say with status 200 what went wrong. */
function saidError(answer: unknown): string | null {
  const { success, data } = errorAnswer.safeParse(answer);
  if (!success) return null;
  return `it says ${quoted(excerptOf(onOneLine(typeof data.error === 'string' ? data.error : data.error.message), 300))}`;
}

/**
 * The vectors of an answer in the order of the inputs. Throws PanicError `ModelOutputInvalid` unless the indices are each of
 * 0 to `count` - 1 once.
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
