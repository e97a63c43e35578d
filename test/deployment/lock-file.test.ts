import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { repositoryPath } from '../support/child-processes.js';

const { lockFileProblems }: { lockFileProblems: (lock: unknown, project: unknown) => string[] } =
  await import(repositoryPath('scripts/lock-file.mjs'));

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

test('package-lock.json has a SHA-512 of every package, names no registry, and says of every install script whether it runs', () => {
  const lock = read(repositoryPath('package-lock.json'));
  expect(lockFileProblems(lock, read(repositoryPath('package.json')))).toEqual([]);
});

describe('the check', () => {
  const integrity = `sha512-${'A'.repeat(86)}==`;
  test.each([
    [{ version: '1.0.0' }, 'node_modules/a/node_modules/@b/c has no SHA-512 in "integrity"'],
    [{ integrity: 'sha1-AAAA' }, 'node_modules/a/node_modules/@b/c has no SHA-512 in "integrity"'],
    [{ integrity, resolved: 'https://registry.example/c.tgz' }, expect.stringContaining('names a place')],
    [{ integrity, hasInstallScript: true }, expect.stringContaining('has an install script')],
  ])('refuses an entry that is %j', (entry, problem) => {
    const lock = { packages: { '': { version: '1.0.0' }, 'node_modules/a/node_modules/@b/c': entry } };
    expect(lockFileProblems(lock, {})).toEqual([problem]);
  });

  test.each(['@img/sharp-libvips-linuxmusl-x64', '@swc/core-linux-x64-musl'])(
    'refuses %s if npm has lost its C library',
    (name) => {
      const problemsOf = (entry: object) =>
        lockFileProblems({ packages: { [`node_modules/${name}`]: { integrity, ...entry } } }, {});
      expect(problemsOf({ libc: ['musl'] })).toEqual([]);
      expect(problemsOf({})).toEqual([expect.stringContaining(`${name} is for musl by its name`)]);
    },
  );

  test.each([true, false])('accepts a script for which package.json says %s', (allowed) => {
    const lock = { packages: { 'node_modules/a/node_modules/@b/c': { integrity, hasInstallScript: true } } };
    expect(lockFileProblems(lock, { allowScripts: { '@b/c': allowed } })).toEqual([]);
    expect(lockFileProblems(lock, { allowScripts: { a: allowed } })).toHaveLength(1);
  });
});
