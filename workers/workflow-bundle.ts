import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compiledFile } from '../common/compiled-file.js';

/** How the source map begins that the SDK puts behind the code of a bundle, and looks for (extractSourceMap in its worker.js). */
const SOURCE_MAP = '//# sourceMappingURL=data:';

/** Path of the workflow code that the build made of `workflows/` for workers to load. */
export function workflowBundle(): string {
  return compiledFile('workflows/bundle.js');
}

/** The text of a bundle in two parts: the code, and its source map, which names folders of the machine that built it. */
export function splitBundle(text: string): { readonly code: string; readonly sourceMap: string } {
  const begin = text.lastIndexOf(SOURCE_MAP);
  if (begin < 0)
    throw new Error('the bundle of workflows has no source map, without which no worker loads it');
  return { code: text.slice(0, begin), sourceMap: text.slice(begin) };
}

/** SHA-256, in hexadecimal digits, of the workflow code of this program: the same for equal code, in whatever folder it was built. */
export function bundleSha256(): string {
  const { code } = splitBundle(readFileSync(workflowBundle(), 'utf8'));
  return createHash('sha256').update(code).digest('hex');
}
