import { MAX_TEXT_CHARACTERS, pictureExcess } from '../experiment/artifact.js';
import type { Artifact, ImageArtifact, TextArtifact } from '../experiment/artifact.js';
import { assertNever, PanicError } from '../common/errors.js';
import type { EmbeddingModel, GenerativeModel, Model } from '../experiment/model.js';

/** The model, where it is generative and takes this input. Throws PanicError `InvalidInput`. */
export function generativeModel(model: Model, input: Artifact, seed: number): GenerativeModel {
  if (model.kind !== 'generative') throw invalid(`${model.name} is an embedding model; it generates nothing`);
  checkInput(model, input);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw invalid(`the seed of ${model.name} is ${seed}; it must be an integer in 0..2^53-1`);
  }
  return model;
}

/** The model, where it embeds and takes these inputs. Throws PanicError `InvalidInput`. */
export function embeddingModel(model: Model, inputs: readonly Artifact[]): EmbeddingModel {
  if (model.kind !== 'embedding') throw invalid(`${model.name} is a generative model; it gives no vectors`);
  for (const input of inputs) checkInput(model, input);
  return model;
}

function checkInput({ name, input: wanted }: Model, input: Artifact): void {
  if (input.modality !== wanted) throw invalid(`${name} takes ${wanted}; it was given ${input.modality}`);
  switch (input.modality) {
    case 'text':
      checkText(name, input);
      return;
    case 'image':
      checkPicture(name, input);
      return;
    default:
      assertNever(input);
  }
}

function checkText(name: string, { text: { length } }: TextArtifact): void {
  if (length <= MAX_TEXT_CHARACTERS) return;
  throw invalid(`${name} was given a text of ${length} characters; at most ${MAX_TEXT_CHARACTERS} are read`);
}

function checkPicture(name: string, { width, height, pixels }: ImageArtifact): void {
  const size = `${width} x ${height} pixels`;
  const excess = pictureExcess(width, height);
  if (excess !== null) throw invalid(`${name} was given ${size}; ${excess} are read`);
  if (pixels.length !== width * height * 3) {
    throw invalid(`${name} was given ${size} in ${pixels.length} bytes; ${width * height * 3} were expected`);
  }
}

function invalid(message: string): PanicError {
  return new PanicError('InvalidInput', message);
}
