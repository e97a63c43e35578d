import type { ImageArtifact, TextArtifact } from '../../experiment/artifact.js';

export type Rgb = readonly [red: number, green: number, blue: number];

export const text = (value: string): TextArtifact => ({ modality: 'text', text: value });

/** A picture whose colours a function gives, by the place of each pixel. */
export function pictureOf(side: number, colourAt: (x: number, y: number) => Rgb): ImageArtifact {
  const pixels = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) pixels.set(colourAt(x, y), (y * side + x) * 3);
  }
  return { modality: 'image', width: side, height: side, pixels };
}

export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
