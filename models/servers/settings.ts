import { z } from 'zod';
import { visibleText } from '../visible-text.js';

const common = {
  /** The name that requests ask for. */
  model: visibleText,
  /** The name that answers carry, where it is another: an answer of anything else is refused. */
  served_as: visibleText.exactOptional(),
  /** Seconds to wait for an answer. */
  timeout_s: z.number().positive().max(86_400).default(600),
};

/** How many low bits of an invocation's seed are sent: 0 sends none; servers that keep seeds in 32 bits want 31 or 32. */
const seedBits = z.int().min(0).max(53).default(32);

/** `POST /images/generations`, as the OpenAI images interface. */
const imageSettings = z.strictObject({
  ...common,
  api: z.literal('images'),
  width: z.int().min(1).max(8192),
  height: z.int().min(1).max(8192),
  seed_bits: seedBits,
  /** What becomes of a picture that the server painted from a prompt in words of its own; refused where absent. */
  revised_prompt: z.enum(['refuse', 'accept']).exactOptional(),
});

/** Words of the interface itself for an answer that is cut or withheld. */
const NEVER_WHOLE: readonly string[] = ['length', 'content_filter'];

/** `POST /chat/completions`; a picture goes along as a data URL. */
const chatSettings = z.strictObject({
  ...common,
  api: z.literal('chat'),
  /** What is asked; of a text, with `{input}` where the text goes. */
  prompt: visibleText,
  max_tokens: z.int().positive(),
  temperature: z.number().min(0).default(0),
  seed_bits: seedBits,
  // Settings are part of what a model is, and a default would make another of each that is stored: these may be absent.
  /** The finish_reason of a whole answer, where it is another word than `stop`; empty for a server that gives none. */
  finished_as: z
    .string()
    .refine((word) => !NEVER_WHOLE.includes(word), {
      error: `another word than ${NEVER_WHOLE.join(' and ')}, which say that an answer is not whole`,
    })
    .exactOptional(),
  /** What becomes of special tokens of the model's template in a caption; refused where absent. */
  special_tokens: z.enum(['refuse', 'remove']).exactOptional(),
  /** What becomes of what the model thought, in a caption; refused where absent. */
  thinking: z.enum(['refuse', 'remove']).exactOptional(),
});

/** `POST /embeddings`, of texts. */
const embeddingSettings = z.strictObject({
  ...common,
  api: z.literal('embeddings'),
  /** Goes before each text. */
  prefix: z.string().default(''),
});

export const generativeServerSettings = z.discriminatedUnion('api', [imageSettings, chatSettings]);
export const embeddingServerSettings = embeddingSettings;

export type ImageSettings = z.infer<typeof imageSettings>;
export type ChatSettings = z.infer<typeof chatSettings>;
export type EmbeddingSettings = z.infer<typeof embeddingSettings>;
