import type { ImageArtifact, TextArtifact } from '../../experiment/artifact.js';
import { hashText, Random } from '../random.js';
import { imagine } from './imagine.js';
import { paintScene } from './paint-scene.js';
import { readPrompt } from './read-prompt.js';

/** Paints what a prompt says, 256x256: shapes, their numbers, sizes, colours and places, and a background. */
export function paintProcedural(prompt: TextArtifact, seed: number): ImageArtifact {
  const random = new Random(hashText(prompt.text, seed));
  return paintScene(imagine(readPrompt(prompt.text), random), random);
}
