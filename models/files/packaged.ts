import { compiledPath } from '../../common/compiled-file.js';

const PACKAGE = 'package:';

/**
 * Whether a model's files are part of the program. Such files are not downloaded, and the catalogue has the SHA-256
 * of each.
 */
export function isPackaged({ source }: { readonly source: string }): boolean {
  return source.startsWith(PACKAGE);
}

/** The folder of a packaged model's files, within `models/`. */
export function packagedFolder({ source }: { readonly source: string }): string {
  return compiledPath(`models/${source.slice(PACKAGE.length)}`);
}

/** The remedy where such files are missing or damaged, as a sentence. */
export const PACKAGED_REMEDY =
  'They are part of panic-tda: put the program\'s own files back ("git restore models/trained-loop" in a clone, then "npm run build"), or install it again.';
