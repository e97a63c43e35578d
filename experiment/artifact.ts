/**
 * An artifact flows between models: a text, or a picture as 8-bit RGB. `modality.ts` has the facts about each
 * kind that the rooms need.
 */
export const MODALITIES = ['text', 'image'] as const;
export type Modality = (typeof MODALITIES)[number];

export interface TextArtifact {
  readonly modality: 'text';
  readonly text: string;
}

/** `pixels` is row-major RGB, 3 bytes a pixel: `length === width * height * 3`. */
export interface ImageArtifact {
  readonly modality: 'image';
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

interface ArtifactOf {
  readonly text: TextArtifact;
  readonly image: ImageArtifact;
}

export type Artifact = ArtifactOf[Modality];

/** A larger picture is a mistake, or an attempt to fill the memory: 8192 x 8192 pixels take 192 MiB. */
export const MAX_PICTURE_PIXELS = 8192 * 8192;

/** WebP, the format in which the store keeps pictures, has 14 bits for a side. */
const MAX_PICTURE_SIDE = 16_383;

/**
 * The limit that a picture of this size exceeds, in words that follow its size. Null if models may paint it,
 * the store keeps it and models accept it. Models and the store share this one rule: a picture that one
 * accepted and the next refused would end its run.
 */
export function pictureExcess(width: number, height: number): string | null {
  if (width <= MAX_PICTURE_SIDE && height <= MAX_PICTURE_SIDE && width * height <= MAX_PICTURE_PIXELS) {
    return null;
  }
  return `at most ${MAX_PICTURE_PIXELS} in all, and ${MAX_PICTURE_SIDE} a side,`;
}

/**
 * A longer text is no prompt and no caption: tokenizers would take seconds for it, and the model would read a
 * few hundred tokens. In UTF-16 units.
 */
export const MAX_TEXT_CHARACTERS = 100_000;
