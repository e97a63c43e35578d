// Writes the table of docs/settings.md from the only list of variables. Run it after a build: node
// scripts/write-settings-page.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { environmentVariables } from '../dist/workers/settings/variables.js';
import { withVariables } from './settings-page.mjs';

const page = new URL('../docs/settings.md', import.meta.url);
writeFileSync(page, withVariables(readFileSync(page, 'utf8'), environmentVariables));
