import type Sharp from 'sharp';

/**
 * The library of pictures, for what writes them from pixels. Nothing is read with it here: it knows dozens of formats, and others' pictures
 * are decoded in a process of its own (decode.ts). Loaded with the first picture: it costs every command that has none more than
 * a tenth of a second.
 */
export async function pictureLibrary(): Promise<typeof Sharp> {
  const { default: sharp } = await import('sharp');
  // One picture at a time uses one core: runs are parallel already, and a thread pool a picture only costs memory.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/** The library for the process that decodes: it reads PNG, JPEG and WebP, and nothing else. */
export async function pictureReader(): Promise<typeof Sharp> {
  const sharp = await pictureLibrary();
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: ['VipsForeignLoadPngBuffer', 'VipsForeignLoadJpegBuffer', 'VipsForeignLoadWebpBuffer'],
  });
  return sharp;
}
