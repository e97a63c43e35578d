import type { ImageArtifact, TextArtifact } from '../../experiment/artifact.js';
import { hashText, Random } from '../random.js';
import { drift } from './designs.js';
import { paintDesign } from './paint-design.js';
import { readDesign } from './read-design.js';

/** Paints a pattern from edge to edge, 256x256, of the kind, coarseness and colours that a prompt suggests. */
export function paintPattern(prompt: TextArtifact, seed: number): ImageArtifact {
  const random = new Random(hashText(prompt.text, seed));
  const { design, namesBothColours } = readDesign(prompt.text);
  return paintDesign(namesBothColours ? drift(design, random) : design, random);
}
