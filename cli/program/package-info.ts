import { readFileSync } from 'node:fs';
import { compiledPath } from '../../common/compiled-file.js';

const FILE = compiledPath('../package.json');

/**
 * Reads the file without a validation library, which takes longer to load than all else that `--version` does.
 */
function packageInfo(): { readonly version: string; readonly engines: { readonly node: string } } {
  const read: unknown = JSON.parse(readFileSync(FILE, 'utf8'));
  if (hasField(read, 'version') && typeof read.version === 'string' && hasField(read, 'engines')) {
    const { version, engines } = read;
    if (hasField(engines, 'node') && typeof engines.node === 'string') {
      return { version, engines: { node: engines.node } };
    }
  }
  throw new Error(`${FILE} names no version, or no version of Node`);
}

function hasField<Name extends string>(value: unknown, name: Name): value is Readonly<Record<Name, unknown>> {
  return typeof value === 'object' && value !== null && name in value;
}

export function version(): string {
  return packageInfo().version;
}

/** The oldest supported Node, such as `20.20`. */
export function requiredNode(): string {
  return packageInfo().engines.node.replace(/^>=\s*/, '');
}
