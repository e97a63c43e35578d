import { readFileSync } from 'node:fs';
import { z } from 'zod';

const schema = z.object({ version: z.string(), engines: z.object({ node: z.string() }) });

// From dist/cli/, where this runs.
const file = new URL('../../package.json', import.meta.url);

function packageInfo() {
  return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

export function version(): string {
  return packageInfo().version;
}

/** The oldest Node that is supported: `20.20`. */
export function requiredNode(): string {
  return packageInfo().engines.node.replace(/^>=\s*/, '');
}
