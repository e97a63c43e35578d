import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from './command.js';

/** The repository, from dist/bench. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('../requirements.txt', import.meta.url));
const CANDIDATES = ['python3', 'python3.12', 'python3.11', 'python'];

export interface Interpreter {
  readonly command: string;
  readonly version: string;
}
const REPORTED = ['giotto-ph', 'ripser', 'gudhi', 'numpy', 'scikit-learn'];

/**
 * Path of a Python with the programs of requirements.txt, in a virtual environment that the first call makes
 * (half a minute).
 *
 * Throws a CommandError with the remedy if there is no Python 3.11 or 3.12, or pip fails.
 */
export function pythonWithPrograms(asked?: string): string {
  const interpreter = suitablePython(asked, {
    versions: ['3.11', '3.12'],
    reason: 'for the other programs (giotto-ph 0.2.4 is not built for later ones)',
  });
  return virtualEnvironment('python', interpreter, [readFileSync(REQUIREMENTS)], (python) => {
    console.error('installing giotto-ph, Ripser and GUDHI for Python');
    pipInstall(python, ['-r', REQUIREMENTS]);
  });
}

/**
 * The same for diffusers, sentence-transformers and onnxruntime (neural-requirements.txt): some 6 GB, minutes
 * at the first call.
 */
export function pythonWithNeuralPrograms(asked?: string): string {
  const interpreter = suitablePython(asked, {
    versions: ['3.11', '3.12'],
    reason: 'for the versions of neural-requirements.txt',
  });
  const requirements = script('neural-requirements.txt');
  return virtualEnvironment('neural', interpreter, [readFileSync(requirements)], (python) => {
    console.error('installing diffusers, sentence-transformers and onnxruntime for Python');
    pipInstall(python, ['-r', requirements]);
  });
}

/**
 * Path of the Python of a virtual environment under node_modules/.cache. `install` fills it at the first
 * call. It is kept until the recipe or the interpreter changes.
 */
export function virtualEnvironment(
  name: string,
  interpreter: Interpreter,
  recipe: readonly (string | Buffer)[],
  install: (python: string, folder: string) => void,
): string {
  const hash = createHash('sha256').update(interpreter.version);
  for (const part of recipe) hash.update(part);
  const cache = cacheFolder();
  const folder = join(cache, `${name}-${hash.digest('hex').slice(0, 12)}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return python;

  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  mustRun(interpreter.command, ['-m', 'venv', folder], 'the virtual environment was not made');
  install(python, folder);
  writeFileSync(complete, '');
  return python;
}

/** Where the other programs are kept, and files that take long to make. */
export function cacheFolder(): string {
  return join(ROOT, 'node_modules', '.cache', 'panic-tda-bench');
}

/** Installs the packages in `words` by pip. */
export function pipInstall(python: string, words: readonly string[]): void {
  mustRun(
    python,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...words],
    'the other programs were not installed (is the package index within reach?)',
  );
}

/** Path of a Python file of `bench/`. */
export function script(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}

/** Names and versions of Python and of the programs. */
export function programVersions(python: string, programs: readonly string[] = REPORTED): string[] {
  const code =
    'import sys, platform; from importlib.metadata import version; ' +
    'print("Python", platform.python_version()); [print(name, version(name)) for name in sys.argv[1:]]';
  return mustRun(python, ['-c', code, ...programs], 'the versions are not known')
    .trim()
    .split('\n');
}

/**
 * Standard output of a command. If the command fails, throws a CommandError with the last lines that it
 * wrote.
 */
export function mustRun(
  command: string,
  args: readonly string[],
  whatFailed: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 30, env });
  if (result.status === 0) return result.stdout;
  const output = `${result.stderr ?? ''}\n${result.error?.message ?? ''}`.trim();
  const ending = result.signal === null ? '' : ` (ended by ${result.signal})`;
  throw new CommandError(`${whatFailed}${ending}:\n${output.split('\n').slice(-12).join('\n')}`);
}

/**
 * The Python that the user asked for, or the first that is found, in one of the versions. Throws a
 * CommandError that says why it is needed.
 */
export function suitablePython(
  asked: string | undefined,
  { versions, reason }: { readonly versions: readonly string[]; readonly reason: string },
): Interpreter {
  const found: string[] = [];
  for (const command of asked === undefined ? CANDIDATES : [asked]) {
    const code = 'import sys; print("%d.%d.%d" % sys.version_info[:3])';
    const result = spawnSync(command, ['-c', code], { encoding: 'utf8' });
    if (result.status !== 0) continue;
    const version = result.stdout.trim();
    if (versions.some((wanted) => version.startsWith(`${wanted}.`))) return { command, version };
    found.push(`${command} is ${version}`);
  }
  throw new CommandError(
    `Python ${versions.join(' or ')} is needed ${reason}; ` +
      `${found.length === 0 ? 'none was found' : found.join(', ')}. Name one: --python PATH`,
  );
}
