import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compiledFile } from '../common/compiled-file.js';

/**
 * How the SDK begins the source map that it appends to the code of a bundle, and searches for
 * (extractSourceMap in its worker.js).
 */
const SOURCE_MAP = '//# sourceMappingURL=data:';

/** Path of the workflow code that the build made of `workflows/`. */
export function workflowBundle(): string {
  return compiledFile('workflows/bundle.js');
}

/**
 * Splits the text of a bundle into the code and its source map. The source map names folders of the machine
 * that built it.
 */
export function splitBundle(text: string): { readonly code: string; readonly sourceMap: string } {
  const begin = text.lastIndexOf(SOURCE_MAP);
  if (begin < 0)
    throw new Error('the bundle of workflows has no source map, without which no worker loads it');
  return { code: text.slice(0, begin), sourceMap: text.slice(begin) };
}

/**
 * SHA-256, in hexadecimal digits, of this program's workflow code. Equal code has an equal digest, in
 * whatever folder it was built.
 */
export function bundleSha256(): string {
  const { code } = splitBundle(readFileSync(workflowBundle(), 'utf8'));
  return createHash('sha256').update(code).digest('hex');
}
