// Writes the table of docs/topology.md from the descriptions of the numbers. Run after a build: node scripts/write-statistics-page.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { BAR_STATISTICS, DIAGRAM_COUNTS } from '../dist/experiment/statistics.js';
import { withStatistics } from './statistics-page.mjs';

const page = new URL('../docs/topology.md', import.meta.url);
writeFileSync(page, withStatistics(readFileSync(page, 'utf8'), DIAGRAM_COUNTS, BAR_STATISTICS));
