import { type Artifact, type ImageArtifact, pictureExcess } from '../experiment/artifact.js';
import { assertNever, PanicError } from '../common/errors.js';
import { quoted } from '../common/problems.js';
import type { EmbeddingModel, GenerativeModel } from '../experiment/model.js';
import { textFault, unfitText } from '../common/text.js';
import { hasThinking, specialTokenIn } from './chat-markup.js';

/** The longest caption, in characters. A model that writes more has run away. */
export const MAX_CAPTION_CHARACTERS = 10_000;

function invalid(model: string, what: string): PanicError {
  return new PanicError('ModelOutputInvalid', `${model} ${what}`);
}

/**
 * Throws PanicError `ModelOutputInvalid` unless `output` is data of the modality that `model` promises. A picture
 * has a positive size that is not too large (experiment/artifact.ts), and exactly its pixels. A caption may enter
 * the store (common/text.ts) and has at most 10,000 characters, without control characters (a line break is one: a
 * caption is one line), special tokens and thinking (chat-markup.ts).
 */
export function checkGenerated(model: GenerativeModel, output: Artifact): void {
  if (output.modality !== model.output) {
    throw invalid(model.name, `answered with ${output.modality} where it promises ${model.output}`);
  }
  switch (output.modality) {
    case 'text':
      checkCaption(model.name, output.text);
      return;
    case 'image':
      checkPicture(model.name, output);
      return;
    default:
      assertNever(output);
  }
}

function checkPicture(model: string, { width, height, pixels }: ImageArtifact): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw invalid(model, `painted a picture of ${width} x ${height} pixels`);
  }
  const excess = pictureExcess(width, height);
  if (excess !== null) {
    throw invalid(model, `painted a picture of ${width} x ${height} pixels; ${excess} are accepted`);
  }
  if (pixels.length !== width * height * 3) {
    throw invalid(
      model,
      `painted ${width} x ${height} pixels and gave ${pixels.length} bytes; ${width * height * 3} were expected`,
    );
  }
}

function checkCaption(model: string, text: string): void {
  const fault = textFault(text);
  if (fault === 'blank') throw invalid(model, 'answered with a blank caption');
  if (fault !== null)
    throw invalid(model, `answered with a caption that cannot be stored: ${unfitText(fault)}`);
  const token = specialTokenIn(text);
  if (token !== null) throw invalid(model, `answered with the special token ${quoted(token)} in its caption`);
  if (hasThinking(text)) throw invalid(model, 'answered with its thinking in its caption');
  if (text.length > MAX_CAPTION_CHARACTERS) {
    throw invalid(
      model,
      `answered with a caption of ${text.length} characters; at most ${MAX_CAPTION_CHARACTERS} are accepted`,
    );
  }
  const control = /[\p{Cc}\u2028\u2029]/u.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).padStart(4, '0');
    throw invalid(
      model,
      `answered with a control character (U+${code} at position ${control.index}) in its caption`,
    );
  }
}

/**
 * Throws PanicError `ModelOutputInvalid` unless each input has one vector of the model's dimension, finite and not
 * all zero.
 */
export function checkVectors(model: EmbeddingModel, vectors: readonly Float32Array[], inputs: number): void {
  if (vectors.length !== inputs) {
    throw invalid(model.name, `answered with ${vectors.length} vectors for ${inputs} inputs`);
  }
  for (const [index, vector] of vectors.entries()) {
    if (vector.length !== model.dimension) {
      throw invalid(
        model.name,
        `answered with ${vector.length} values for input ${index}; its dimension is ${model.dimension}`,
      );
    }
    const bad = vector.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw invalid(
        model.name,
        `answered with ${vector[bad]} at position ${bad} of the vector for input ${index}`,
      );
    }
    if (vector.every((value) => value === 0)) {
      throw invalid(model.name, `answered with a vector of zeros for input ${index}`);
    }
  }
}
