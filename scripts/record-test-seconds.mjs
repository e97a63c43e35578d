// npm run record-test-seconds -- FILE...
//
// Writes to test/support/seconds.json how long each test file took, from what Jest wrote to the FILEs
// (`npm test -- --json --outputFile=FILE`, and the same of `npm run test:night`), on a machine that did nothing else. Files that
// are gone are left out. Of a file that was not run, what is known stays.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const tests = fileURLToPath(new URL('../test/', import.meta.url));
const recorded = join(tests, 'support', 'seconds.json');

const files = process.argv.slice(2);
if (files.length === 0)
  throw new Error('usage: npm run record-test-seconds -- FILE... (what jest --json wrote)');
const seconds = new Map(Object.entries(JSON.parse(readFileSync(recorded, 'utf8'))));
for (const file of files) {
  for (const { name, startTime, endTime } of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    seconds.set(relative(tests, name).split(sep).join('/'), Math.round((endTime - startTime) / 1000));
  }
}
const kept = [...seconds]
  .filter(([name]) => existsSync(join(tests, name)))
  .sort(([a, long], [b, longer]) => longer - long || a.localeCompare(b, 'en'));
writeFileSync(recorded, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
console.log(`${kept.length} files of ${Math.round(kept.reduce((sum, [, took]) => sum + took, 0))} s`);
