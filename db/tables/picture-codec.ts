import type { ImageArtifact } from '../../experiment/artifact.js';
import { decodePicture } from '../../experiment/pictures/decode.js';
import { pictureLibrary } from '../../experiment/pictures/library.js';

// The settings decide an object's name (its SHA-256), so they are pinned. Effort 0 takes a tenth of the
// default's time for about a tenth more bytes. The format is lossless, so that the next model reads exactly
// the pixels that the last one drew.
const WEBP = { lossless: true, effort: 0 } as const;

export async function encodePicture(image: ImageArtifact): Promise<Buffer> {
  const sharp = await pictureLibrary();
  return sharp(image.pixels, { raw: { width: image.width, height: image.height, channels: 3 } })
    .webp(WEBP)
    .toBuffer();
}

/**
 * Decodes a picture of the store. Throws as `decodePicture` does: a store from another person may hold
 * anything under a picture's name.
 */
export async function decodeObject(bytes: Uint8Array): Promise<ImageArtifact> {
  return (await decodePicture(bytes, { formats: ['webp'] })).picture;
}
