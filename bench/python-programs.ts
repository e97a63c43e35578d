import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from './command.js';

/** The repository, from dist/bench. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const CANDIDATES = ['python3', 'python3.12', 'python3.11', 'python'];
const REPORTED = ['giotto-ph', 'ripser', 'gudhi', 'numpy', 'scikit-learn'];

/**
 * Path of a Python with the programs of requirements.txt, in a virtual environment under node_modules/.cache: made at
 * the first call (half a minute), then kept until the requirements or the Python change.
 *
 * Throws a CommandError that says what to do where there is no Python 3.11 or 3.12, or pip fails.
 */
export function pythonWithPrograms(asked?: string): string {
  const interpreter = suitablePython(asked);
  const recipe = createHash('sha256').update(interpreter.version).update(readFileSync(REQUIREMENTS));
  const cache = join(ROOT, 'node_modules', '.cache', 'panic-tda-bench');
  const folder = join(cache, `python-${recipe.digest('hex').slice(0, 12)}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return python;

  console.error('installing giotto-ph, Ripser and GUDHI for Python');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  mustRun(interpreter.command, ['-m', 'venv', folder], 'the virtual environment was not made');
  mustRun(
    python,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS],
    'the other programs were not installed (is the package index within reach?)',
  );
  writeFileSync(complete, '');
  return python;
}

/** Path of a Python file of this folder. */
export function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Names and versions of Python and of the programs. */
export function programVersions(python: string): string[] {
  const code =
    'import sys, platform; from importlib.metadata import version; ' +
    'print("Python", platform.python_version()); [print(name, version(name)) for name in sys.argv[1:]]';
  return mustRun(python, ['-c', code, ...REPORTED], 'the versions are not known')
    .trim()
    .split('\n');
}

/** Standard output of a command; throws a CommandError with the last lines it wrote, if it fails. */
export function mustRun(command: string, args: readonly string[], whatFailed: string): string {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (result.status === 0) return result.stdout;
  const output = `${result.stderr ?? ''}\n${result.error?.message ?? ''}`.trim();
  const ending = result.signal === null ? '' : ` (ended by ${result.signal})`;
  throw new CommandError(`${whatFailed}${ending}:\n${output.split('\n').slice(-12).join('\n')}`);
}

function suitablePython(asked: string | undefined): { command: string; version: string } {
  const found: string[] = [];
  for (const command of asked === undefined ? CANDIDATES : [asked]) {
    const code = 'import sys; print("%d.%d.%d" % sys.version_info[:3])';
    const result = spawnSync(command, ['-c', code], { encoding: 'utf8' });
    if (result.status !== 0) continue;
    const version = result.stdout.trim();
    if (/^3\.1[12]\./.test(version)) return { command, version };
    found.push(`${command} is ${version}`);
  }
  throw new CommandError(
    'Python 3.11 or 3.12 is needed for the other programs (giotto-ph 0.2.4 is not built for later ones); ' +
      `${found.length === 0 ? 'none was found' : found.join(', ')}. Name one: --python PATH`,
  );
}
