/** What flows between models: a text, or a picture as 8-bit RGB. `modality.ts` says what each is to the rooms. */
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

/** Larger pictures are a mistake, or an attempt to fill the memory: 8192 x 8192 are 192 MiB of pixels. */
export const MAX_PICTURE_PIXELS = 8192 * 8192;

/** WebP, as which the store keeps pictures, has 14 bits for a side. */
const MAX_PICTURE_SIDE = 16_383;

/**
 * What a picture of this size exceeds, in words that follow its size; null where models may paint it, the store keeps it and models
 * take it. The one rule for all of them: what one takes and the next refuses would end its run.
 */
export function pictureExcess(width: number, height: number): string | null {
  if (width <= MAX_PICTURE_SIDE && height <= MAX_PICTURE_SIDE && width * height <= MAX_PICTURE_PIXELS) {
    return null;
  }
  return `at most ${MAX_PICTURE_PIXELS} in all, and ${MAX_PICTURE_SIDE} a side,`;
}

/** Longer texts are no prompts and no captions; tokenizers take seconds for them, for a few hundred tokens that are read. In UTF-16 units. */
export const MAX_TEXT_CHARACTERS = 100_000;
