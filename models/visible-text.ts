import { z } from 'zod';
import { isBlank } from '../common/text.js';

/** A text of a catalogue with something to be seen in it. Its JSON Schema says that it is not empty. */
export const visibleText = z
  .string()
  .min(1, { abort: true })
  .refine((text) => !isBlank(text), { error: 'text with a visible character' });
