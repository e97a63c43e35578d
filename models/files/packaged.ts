import { compiledPath } from '../../common/compiled-file.js';

const PACKAGE = 'package:';

/** Whether a model's files are part of the program: nothing is downloaded, and each has its SHA-256 in the catalogue. */
export function isPackaged({ source }: { readonly source: string }): boolean {
  return source.startsWith(PACKAGE);
}

/** The folder of such a model's files, in the room `models/`. */
export function packagedFolder({ source }: { readonly source: string }): string {
  return compiledPath(`models/${source.slice(PACKAGE.length)}`);
}

/** What helps where such files are missing or damaged, as a sentence. */
export const PACKAGED_REMEDY =
  'They are part of panic-tda: put the program\'s own files back ("git restore models/trained-loop" in a clone, then "npm run build"), or install it again.';
