import type { ImageArtifact, TextArtifact } from '../experiment/artifact.js';
import { hashBytes, hashText, Random } from './random.js';

const SIDE = 256;

// 16 x 16 x 16 captions: a random map on 4,096 captions has cycles of some tens of steps, so that tests meet them.
const MOODS =
  'quiet bright hollow gentle broken distant golden frozen hidden restless tender ancient narrow burning pale loud'.split(
    ' ',
  );
const MATTERS =
  'glass paper copper velvet stone silver wooden misty marble woollen sandy salty dusty leafy iron waxen'.split(
    ' ',
  );
const THINGS =
  'harbour orchard lantern river engine garden mirror tower bridge meadow kettle violin ladder island window comet'.split(
    ' ',
  );

/** A 256x256 picture of one colour, from a hash of the prompt and the seed. */
export function paintDummy(prompt: TextArtifact, seed: number): ImageArtifact {
  const [word] = hashText(prompt.text, seed);
  const pixels = new Uint8Array(SIDE * SIDE * 3);
  pixels[0] = word & 255;
  pixels[1] = (word >>> 8) & 255;
  pixels[2] = (word >>> 16) & 255;
  for (let filled = 3; filled < pixels.length; filled *= 2) pixels.copyWithin(filled, 0, filled);
  return { modality: 'image', width: SIDE, height: SIDE, pixels };
}

/** Three words from a hash of the picture's bytes and the seed. */
export function describeDummy(picture: ImageArtifact, seed: number): TextArtifact {
  const [word] = hashBytes(picture.pixels, seed);
  const text = `${MOODS[word & 15]!} ${MATTERS[(word >>> 4) & 15]!} ${THINGS[(word >>> 8) & 15]!}`;
  return { modality: 'text', text };
}

/** A unit vector of pseudo-random direction (uniform coordinates, not Gaussian), from a hash of the text. */
export function embedDummy(text: TextArtifact, dimension: number): Float32Array {
  const random = new Random(hashText(text.text, 0));
  const vector = new Float32Array(dimension);
  let squares = 0;
  for (let i = 0; i < dimension; i++) {
    const value = random.word() - 0x7fff_ffff;
    vector[i] = value;
    squares += value * value;
  }
  const length = Math.sqrt(squares);
  for (let i = 0; i < dimension; i++) vector[i] = vector[i]! / length;
  return vector;
}
