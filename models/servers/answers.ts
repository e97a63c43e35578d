import { z } from 'zod';
import { PanicError } from '../../experiment/errors.js';

/** What is read of the servers' answers; they say more, which is not ours to check. */
export const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });

const answering = { model: z.string().optional() };

export const imagesAnswer = z.object({
  ...answering,
  data: z.array(z.object({ b64_json: z.string().min(1) })).length(1),
});

export const chatAnswer = z.object({
  ...answering,
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })).length(1),
});

export const embeddingsAnswer = z.object({
  ...answering,
  data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()) })),
});

/** Throws PanicError `ModelOutputInvalid` where the answer has another form, or comes from another model than `served`. */
export function readAnswer<T extends { model?: string | undefined }>(
  form: z.ZodType<T>,
  answer: unknown,
  url: URL,
  served: string,
): T {
  const { success, data, error } = form.safeParse(answer);
  if (!success) {
    throw new PanicError(
      'ModelOutputInvalid',
      `${url.href} answered in another form than its interface has: ${z.prettifyError(error)}`,
    );
  }
  if (data.model !== undefined && data.model !== served) {
    throw new PanicError(
      'ModelOutputInvalid',
      `${url.href} answered as "${data.model}" where "${served}" was expected; if that is the same model, ` +
        `say so by the setting served_as`,
    );
  }
  return data;
}
