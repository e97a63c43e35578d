import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import DefaultSequencer from '@jest/test-sequencer';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
const SECONDS = JSON.parse(readFileSync(new URL('./seconds.json', import.meta.url), 'utf8'));
/** For a file that seconds.json does not know yet, so that it begins before the many short ones. */
const UNKNOWN_SECONDS = 15;

/** Seconds that a test file took when seconds.json was written, by its path. */
export function secondsOf(path) {
  return SECONDS[relative(TESTS, path).split(sep).join('/')] ?? UNKNOWN_SECONDS;
}

/**
 * Begins the longest file first. So at the end no long file runs alone on one core while the others are idle.
 * The seconds are committed (`npm run record-test-seconds`), since Jest's own memory of them is empty in a
 * new clone.
 */
export default class LongestFirst extends DefaultSequencer {
  sort(tests) {
    return [...tests].sort(
      (one, other) => secondsOf(other.path) - secondsOf(one.path) || one.path.localeCompare(other.path, 'en'),
    );
  }
}
