// node .ci/report.mjs <folder> <exit code of npm test> <exit code of npm run check>
//
// Prints how long the longest test files took, and the failures, then the counts on a line of their own. `npm run
// check` counts as one test. A part of the tests that fails without a failing test also counts as one (set-up, a
// test file that does not load, the end of the suite).
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [folder, testsCode, checkCode] = process.argv.slice(2);
const failures = [];
let passed = 0;
let skipped = 0;
/** A line for each of the test files that took longest, so that a suite that grows is seen. */
const longest = [];
const LONGEST = 20;

const jestFile = join(folder, 'jest.json');
if (existsSync(jestFile)) countTests(JSON.parse(readFileSync(jestFile, 'utf8')));
const ran = passed + failures.length;
if (testsCode !== '0' && failures.length === 0) {
  failures.push(
    `npm test ended with code ${testsCode}${ran === 0 ? ' before any test' : ''}; its output is above`,
  );
}
if (testsCode === '0' && ran === 0) failures.push('npm test ran no test');

if (checkCode === '0') passed++;
else failures.push(`npm run check:\n${readFileSync(join(folder, 'check.log'), 'utf8')}`);

for (const line of longest) console.log(line);
for (const failure of failures) console.log(`FAILED ${failure}\n`);
console.log(`${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failures.length > 0 ? 1 : 0;

function countTests({ testResults }) {
  const took = testResults.map(({ name, startTime, endTime }) => ({
    file: relative(process.cwd(), name),
    seconds: (endTime - startTime) / 1000,
  }));
  const all = took.reduce((sum, { seconds }) => sum + seconds, 0);
  longest.push(`${took.length} test files took ${all.toFixed(0)} s in all, one after another. The longest:`);
  for (const { file, seconds } of took.toSorted((a, b) => b.seconds - a.seconds).slice(0, LONGEST)) {
    longest.push(`${seconds.toFixed(0).padStart(5)} s  ${file}`);
  }
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    passed += assertionResults.filter((test) => test.status === 'passed').length;
    skipped += assertionResults.filter((test) =>
      ['pending', 'todo', 'skipped', 'disabled'].includes(test.status),
    ).length;
    for (const test of failed) failures.push(`${file}: ${test.fullName}\n${test.failureMessages.join('\n')}`);
    if (status === 'failed' && failed.length === 0) failures.push(`${file}:\n${message}`);
  }
}
