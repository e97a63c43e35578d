import { z } from 'zod';
import { visibleText } from '../visible-text.js';

const common = {
  /** The model's name in requests. */
  model: visibleText,
  /** The model's name in answers, where it differs. An answer under any other name is refused. */
  served_as: visibleText.exactOptional(),
  /** Seconds to wait for an answer. */
  timeout_s: z.number().positive().max(86_400).default(600),
};

/**
 * How many low bits of an invocation's seed a request carries: 0 sends none. Servers that keep seeds in 32 bits
 * need 31 or 32.
 */
const seedBits = z.int().min(0).max(53).default(32);

/** `POST /images/generations`, as the OpenAI images interface. */
const imageSettings = z.strictObject({
  ...common,
  api: z.literal('images'),
  width: z.int().min(1).max(8192),
  height: z.int().min(1).max(8192),
  seed_bits: seedBits,
  /** Whether to accept a picture that the server painted from a prompt in its own words; refused where absent. */
  revised_prompt: z.enum(['refuse', 'accept']).exactOptional(),
});

/** Words of the interface itself for an answer that is cut or withheld. */
const NEVER_WHOLE: readonly string[] = ['length', 'content_filter'];

/** `POST /chat/completions`; a picture goes along as a data URL. */
const chatSettings = z.strictObject({
  ...common,
  api: z.literal('chat'),
  /** The question about an input. For a text, `{input}` stands for the text. */
  prompt: visibleText,
  max_tokens: z.int().positive(),
  temperature: z.number().min(0).default(0),
  seed_bits: seedBits,
  // Settings are part of a model's identity, and a default would change that of each stored model. So these may be
  // absent.
  /** The finish_reason of a whole answer, where it is not `stop`; empty for a server that gives none. */
  finished_as: z
    .string()
    .refine((word) => !NEVER_WHOLE.includes(word), {
      error: `another word than ${NEVER_WHOLE.join(' and ')}, which say that an answer is not whole`,
    })
    .exactOptional(),
  /**
   * Whether to remove special tokens of the model's template from a caption; an answer with one is refused where
   * absent.
   */
  special_tokens: z.enum(['refuse', 'remove']).exactOptional(),
  /** Whether to remove the model's thinking from a caption; an answer with thinking is refused where absent. */
  thinking: z.enum(['refuse', 'remove']).exactOptional(),
});

/** `POST /embeddings`, of texts. */
const embeddingSettings = z.strictObject({
  ...common,
  api: z.literal('embeddings'),
  /** The request has this before each text. */
  prefix: z.string().default(''),
});

export const generativeServerSettings = z.discriminatedUnion('api', [imageSettings, chatSettings]);
export const embeddingServerSettings = embeddingSettings;

export type ImageSettings = z.infer<typeof imageSettings>;
export type ChatSettings = z.infer<typeof chatSettings>;
export type EmbeddingSettings = z.infer<typeof embeddingSettings>;
