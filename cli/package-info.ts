import { readFileSync } from 'node:fs';

// From dist/cli/, where this runs; or from cli/, where a test loads it.
const file = new URL(
  import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json',
  import.meta.url,
);

/** Read by hand: a library that checks forms takes longer to load than everything else that `--version` does. */
function packageInfo(): { readonly version: string; readonly engines: { readonly node: string } } {
  const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (hasField(read, 'version') && typeof read.version === 'string' && hasField(read, 'engines')) {
    const { version, engines } = read;
    if (hasField(engines, 'node') && typeof engines.node === 'string') {
      return { version, engines: { node: engines.node } };
    }
  }
  throw new Error(`${file.pathname} names no version, or no version of Node`);
}

function hasField<Name extends string>(value: unknown, name: Name): value is Readonly<Record<Name, unknown>> {
  return typeof value === 'object' && value !== null && name in value;
}

export function version(): string {
  return packageInfo().version;
}

/** The oldest Node that is supported: `20.20`. */
export function requiredNode(): string {
  return packageInfo().engines.node.replace(/^>=\s*/, '');
}
