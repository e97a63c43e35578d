import { createRequire } from 'node:module';
import type Sharp from 'sharp';

/** Modules of the library and of the packages that load with it, by their paths. */
const PARTS = /[/\\]node_modules[/\\](sharp|@img|detect-libc|semver)[/\\]/;

let loadedAgain: typeof Sharp | null = null;

/**
 * The library of pictures, for code that writes pictures from pixels. No code reads pictures with it here:
 * the library knows dozens of formats, so a process of its own decodes pictures from outside (decode.ts). The
 * first picture loads it, because the load costs a command more than a tenth of a second.
 */
export async function pictureLibrary(): Promise<typeof Sharp> {
  const sharp = await load();
  // One picture at a time uses one core: runs are parallel already, and a thread pool for each picture only
  // costs memory.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/**
 * Node keeps the failure of an import until the process ends, so that a worker whose first load failed could never
 * store a picture. `require` forgets a module that failed. After a failed import each picture tries it, until the
 * library is loaded.
 */
async function load(): Promise<typeof Sharp> {
  if (loadedAgain !== null) return loadedAgain;
  try {
    return (await import('sharp')).default;
  } catch {
    const require = createRequire(import.meta.url);
    // A module may be loaded in part only, and then it made the import fail.
    for (const path of Object.keys(require.cache)) if (PARTS.test(path)) delete require.cache[path];
    const sharp: typeof Sharp = require('sharp');
    return (loadedAgain = sharp);
  }
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
