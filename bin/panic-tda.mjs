#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  const root = fileURLToPath(new URL('..', import.meta.url));
  console.error(`panic-tda is not built yet: run \`npm start\` or \`npm run setup\` in ${root} first.`);
  process.exitCode = 1;
}
