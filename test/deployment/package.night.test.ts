import { describe, expect, jest, test } from '@jest/globals';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { wholeEnvironment } from '../support/whole-environment.js';
import { type CommandResult, runCommand } from '../../workers/processes/run-command.js';
import { repositoryPath } from '../support/child-processes.js';
import { sharedTemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

// npm lays out some 280 packages, 900 MB: the overrides of package.json count in a clone alone.
jest.setTimeout(900_000);

const manifest = z
  .object({
    version: z.string(),
  })
  .parse(JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8')));

/** Runs a command in a folder, without the settings of the user who runs the tests. */
async function inFolder(folder: string, ...command: readonly string[]): Promise<CommandResult> {
  return await runCommand('sh', ['-c', 'cd "$1" && shift && exec "$@"', 'sh', folder, ...command], {
    timeoutMs: 600_000,
    env: wholeEnvironment({ NODE_OPTIONS: undefined, ONNXRUNTIME_NODE_INSTALL: 'skip' }),
  });
}

/** The files of a folder, by their paths in it. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

describe('the package', () => {
  let installed = '';
  let home = '';

  test('can be installed into an empty folder', async () => {
    const folder = sharedTemporaryFolder();
    const packed = await inFolder(repositoryPath('.'), 'npm', 'pack', '--pack-destination', folder);
    expect(packed).toMatchObject({ code: 0 });
    home = join(folder, 'home');
    mkdirSync(home);
    const tarball = join(folder, `panic-tda-${manifest.version}.tgz`);
    // Without scripts, since compiling better-sqlite3 takes minutes. The compiled library of this clone, of
    // the same version, is used below.
    const options = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
    const result = await inFolder(home, 'npm', 'install', ...options, tarball);
    expect(result).toMatchObject({ code: 0 });
    installed = join(home, 'node_modules', 'panic-tda');
    const compiled = join('node_modules', 'better-sqlite3', 'build');
    cpSync(repositoryPath(compiled), join(home, compiled), { recursive: true });
  });

  test('has compiled code, documents, examples and the files that they name, and no tests, measurements or sources', () => {
    const files = filesOf(installed).filter((file) => !file.startsWith('node_modules/'));
    for (const needed of [
      'README.md',
      'LICENSE',
      'bin/panic-tda.mjs',
      'dist/cli/main.js',
      'dist/program/LICENSES.txt',
      'dist/workflows/bundle.js',
      'dist/models/catalogue.json',
      'dist/db/migrations/meta/_journal.json',
      'dist/db/postgres/migrations/meta/_journal.json',
      'docs/models.md',
      'examples/first-experiment.json',
      'experiment/experiment.schema.json',
      'models/catalogue.schema.json',
    ]) {
      expect(files).toContain(needed);
    }
    expect(files.some((file) => file.endsWith('.wasm'))).toBe(true);
    expect(
      files.filter((file) => /(^|\/)(bench|faults|test|tests)\/|\.map$|(?<!\.d)\.ts$/.test(file)),
    ).toEqual([]);
  });

  test('runs the example, and doctor finds nothing wrong', async () => {
    const example = join('node_modules', 'panic-tda', 'examples', 'first-experiment.json');
    const run = await inFolder(home, 'npx', '--no-install', 'panic-tda', 'run', example);
    expect(run).toMatchObject({ code: 0, output: expect.stringContaining('"first experiment": completed') });
    expect(existsSync(join(home, 'panic-tda-data', 'panic-tda.sqlite'))).toBe(true);
    const doctor = await inFolder(home, 'npx', '--no-install', 'panic-tda', 'doctor', '--deep');
    expect(doctor).toMatchObject({ code: 0, output: expect.stringContaining('No problem found.') });
  });

  test('opens the package that makes tokens', async () => {
    const script = "import('tokenizers').then(({ Tokenizer }) => console.log(typeof Tokenizer.fromString))";
    expect(await inFolder(home, 'node', '-e', script)).toMatchObject({ code: 0, output: 'function\n' });
  });
});

test('npm link makes a command of the clone', async () => {
  const prefix = temporaryFolder();
  mkdirSync(join(prefix, 'lib'));
  const link = ['npm', 'link', '--ignore-scripts', '--no-audit', '--no-fund'];
  const linked = await inFolder(repositoryPath('.'), 'env', `npm_config_prefix=${prefix}`, ...link);
  expect(linked).toMatchObject({ code: 0 });
  expect(await inFolder(prefix, join(prefix, 'bin', 'panic-tda'), '--version')).toMatchObject({
    code: 0,
    output: `${manifest.version}\n`,
  });
});

test('code that cannot be compiled is not packed', async () => {
  const root = temporaryFolder();
  for (const file of [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts',
    'bin',
  ]) {
    cpSync(repositoryPath(file), join(root, file), { recursive: true });
  }
  symlinkSync(repositoryPath('node_modules'), join(root, 'node_modules'));
  mkdirSync(join(root, 'experiment'));
  writeFileSync(join(root, 'experiment', 'wrong.ts'), 'export const one: number = "1";\n');
  const { code, output } = await inFolder(root, 'npm', 'pack');
  expect(code).not.toBe(0);
  expect(output).toContain('panic-tda cannot be packed.');
  expect(output).toContain('experiment/wrong.ts(1,14): error TS2322');
  expect(readdirSync(root).filter((file) => file.endsWith('.tgz'))).toEqual([]);
});
