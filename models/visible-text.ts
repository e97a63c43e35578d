import { z } from 'zod';
import { isBlank } from '../common/text.js';

/** A text of a catalogue with at least one visible character. Its JSON Schema says only that the text is not empty. */
export const visibleText = z
  .string()
  .min(1, { abort: true })
  .refine((text) => !isBlank(text), { error: 'text with a visible character' });
