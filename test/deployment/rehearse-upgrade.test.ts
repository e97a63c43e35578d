import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readPage, settingsWith } from '../../faults/upgrade/page.js';
import { STEPS } from '../../faults/upgrade/steps.js';
import { repositoryPath } from '../support/child-processes.js';

const PAGE = readFileSync(repositoryPath('docs/upgrading.md'), 'utf8');
const NAMES = Object.keys(STEPS);

/** The page with one text replaced by another. */
function changed(text: string, other: string): string {
  expect(PAGE).toContain(text);
  return PAGE.replace(text, other);
}

describe('the page about upgrades', () => {
  test('has a block of commands for each step that its rehearsal knows, and no other', () => {
    expect(readPage(PAGE, NAMES).blocks.map(({ step }) => step)).toEqual(NAMES);
  });

  test.each([
    ['a step is left out', /### 6\. [^]*?(?=### 7\.)/, '', '"A fleet, step 6" has no block'],
    [
      'a step is new',
      '### 7. Stop',
      '### 9. Rest\n\n```sh\nnew list\n```\n\n### 7. Stop',
      '"A fleet, step 9" is no step',
    ],
    [
      'a step has two blocks',
      '### 7. Stop',
      '```sh\nnew list\n```\n\n### 7. Stop',
      'another block of "A fleet, step 6"',
    ],
    [
      'a block has no number',
      '### 7. Stop the old ones',
      '### Stop the old ones',
      'a block below no heading with a number',
    ],
    [
      'a block is in another language',
      '```sh\nkill -TERM $OLD',
      '```bash\nkill -TERM $OLD',
      'a block of "bash", which is not tried',
    ],
    [
      'a variable has no value',
      'new status\nnew doctor',
      'new status "$EXPERIMENT"',
      'nothing fills in $EXPERIMENT',
    ],
    ['a word is to be filled in', 'new status\nnew doctor', 'new status ID', 'nothing fills in ID'],
    ['a variable of the first block is new', 'OWNER=postgres', 'READER=postgres', 'no value for READER'],
  ])('is refused where %s', (_, text, other, problem) => {
    const page = typeof text === 'string' ? changed(text, other) : PAGE.replace(text, other);
    expect(page).not.toBe(PAGE);
    expect(() => readPage(page, NAMES)).toThrow(problem);
  });

  test('is refused where its steps are in another order', () => {
    const [sixth, seventh] = [/### 6\. [^]*?(?=### 7\.)/, /### 7\. [^]*?(?=### 8\.)/].map(
      (part) => part.exec(PAGE)![0],
    );
    const page = changed(sixth! + seventh!, seventh! + sixth!);
    expect(() => readPage(page, NAMES)).toThrow('the steps are in another order');
  });

  test('has values of the rehearsal instead of its examples, whatever characters they contain', () => {
    const { settings } = readPage(PAGE, NAMES);
    const filled = settingsWith(settings, { OLD: "/an old one's folder", OWNER: 'postgres://o:%20@h/d' });
    const script = `${filled}\nprintf '%s\\n' "$OLD" "$OWNER" "\${NEW_BUILD-none}"`;
    const { stdout } = spawnSync('bash', ['-eu', '-c', script], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    expect(stdout).toBe("/an old one's folder\npostgres://o:%20@h/d\nnone\n");
  });
});
