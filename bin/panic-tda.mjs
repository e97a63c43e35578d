#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  const root = fileURLToPath(new URL('..', import.meta.url));
  // A package has no scripts: npm runs prepack, which builds, unless it was asked not to.
  console.error(
    existsSync(new URL('../scripts/setup.mjs', import.meta.url))
      ? `panic-tda is not built yet: run \`npm start\` or \`npm run setup\` in ${root} first.`
      : `The panic-tda in ${root} was packed without its compiled code: pack it again in a clone, by \`npm pack\`, and install that.`,
  );
  process.exitCode = 1;
}
