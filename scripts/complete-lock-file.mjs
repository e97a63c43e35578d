// node scripts/complete-lock-file.mjs [FOLDER], after a change of package.json or package-lock.json in that
// folder; default: this clone.
//
// If npm reads the installed packages instead of asking the registry, it leaves an optional package of
// another system, or its checksum, out of the lock file (https://github.com/npm/cli/issues/4828). This script
// lets npm lock them anew in a folder without installed packages and without a cache. It keeps the result
// only if it is complete.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lockFileProblems } from './lock-file.mjs';
import { toolEnvironment } from './tool-environment.mjs';

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const read = (folder, file) => JSON.parse(readFileSync(join(folder, file), 'utf8'));

const project = read(root, 'package.json');
const lock = read(root, 'package-lock.json');
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path !== '' && entry.integrity === undefined) delete lock.packages[path];
}

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-lock-'));
try {
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const words = ['install', '--package-lock-only', '--ignore-scripts', '--omit-lockfile-registry-resolved'];
  const args = [...words, '--no-audit', '--no-fund', '--loglevel=error', '--cache', join(folder, 'cache')];
  const { status, stderr, error } = spawnSync('npm', args, {
    cwd: folder,
    env: toolEnvironment(root),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`npm could not complete package-lock.json: ${error?.message ?? stderr}`);
  const problems = lockFileProblems(read(folder, 'package-lock.json'), project);
  if (problems.length > 0) throw new Error(`package-lock.json stays as it was:\n${problems.join('\n')}`);
  copyFileSync(join(folder, 'package-lock.json'), join(root, 'package-lock.json'));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
