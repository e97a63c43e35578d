import { type ImageArtifact, MAX_PICTURE_PIXELS } from '../experiment/artifact.js';

// The settings are part of an object's name (its SHA-256), so they are pinned. Effort 0 costs a tenth of the default's
// time for about a tenth more bytes; lossless, so that the next model reads exactly the pixels that were drawn.
const WEBP = { lossless: true, effort: 0 } as const;

export async function encodePicture(image: ImageArtifact): Promise<Buffer> {
  const sharp = await library();
  return sharp(image.pixels, { raw: { width: image.width, height: image.height, channels: 3 } })
    .webp(WEBP)
    .toBuffer();
}

export async function decodePicture(bytes: Uint8Array): Promise<ImageArtifact> {
  const sharp = await library();
  const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PICTURE_PIXELS })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    modality: 'image',
    width: info.width,
    height: info.height,
    pixels: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** Loaded with the first picture: it costs every command that has none more than a tenth of a second. */
async function library() {
  const { default: sharp } = await import('sharp');
  // One picture at a time uses one core: runs are parallel already, and a thread pool a picture only costs memory.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}
