import { afterAll, afterEach } from '@jest/globals';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ofThisTest: string[] = [];
const ofThisFile: string[] = [];

/** A new empty folder, removed after the test. */
export function temporaryFolder(): string {
  return make(ofThisTest);
}

/** A new empty folder, removed after the last test of the file. */
export function sharedTemporaryFolder(): string {
  return make(ofThisFile);
}

function make(list: string[]): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'panic-tda-test-'));
  list.push(folder);
  return folder;
}

function remove(list: string[]): void {
  for (const folder of list.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

afterEach(() => remove(ofThisTest));
afterAll(() => remove(ofThisFile));
