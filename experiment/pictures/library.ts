import type Sharp from 'sharp';

/**
 * The library of pictures, for code that writes pictures from pixels. No code reads pictures with it here:
 * the library knows dozens of formats, so a process of its own decodes pictures from outside (decode.ts). The
 * first picture loads it, because the load costs a command more than a tenth of a second.
 */
export async function pictureLibrary(): Promise<typeof Sharp> {
  const { default: sharp } = await import('sharp');
  // One picture at a time uses one core: runs are parallel already, and a thread pool for each picture only
  // costs memory.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/** The library for the process that decodes. It reads PNG, JPEG and WebP, and no other format. */
export async function pictureReader(): Promise<typeof Sharp> {
  const sharp = await pictureLibrary();
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: ['VipsForeignLoadPngBuffer', 'VipsForeignLoadJpegBuffer', 'VipsForeignLoadWebpBuffer'],
  });
  return sharp;
}
