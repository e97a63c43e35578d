import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommandError } from '../common/command.js';
import { mustRun, pipInstall, suitablePython, virtualEnvironment } from '../common/python-programs.js';

/** The system that this one replaces: its last state in Python, before it was rewritten in Elixir. */
const COMMIT = '496392d713815c0caf70e055075312514bd3f238';
const REPOSITORY = 'https://github.com/ANUcybernetics/panic-tda';
const TO_DO = `Have the sources of the Python system, then name their folder:
  git clone ${REPOSITORY} FOLDER && git -C FOLDER checkout ${COMMIT}
  node dist/bench/python-system.js --python-system FOLDER`;
/** Reads the lock file of the Python system. */
const UV = 'uv==0.13.9';

/** The packages whose versions a reader of the figures needs. */
export const REPORTED = ['ray', 'sqlmodel', 'torch', 'pillow', 'numpy', 'giotto-ph'] as const;

export interface Installation {
  /** The Python with exactly the packages of the lock file. */
  readonly python: string;
  /** The folder of its package. */
  readonly sources: string;
  readonly commit: string;
}

/**
 * Checks the sources. The first call installs the packages of their lock file (a minute or two; 6 GB, mostly
 * CUDA libraries: the lock file knows no other build of torch for Linux).
 *
 * Throws a CommandError if the folder is not a clean checkout of the commit, or if there is no Python 3.12.
 */
export function installPythonSystem(
  folder: string | undefined,
  askedPython: string | undefined,
): Installation {
  if (folder === undefined) throw new CommandError(`--python-system is missing. ${TO_DO}`);
  const checkout = resolve(folder);
  checkSources(checkout);
  const interpreter = suitablePython(askedPython, { versions: ['3.12'], reason: 'for the Python system' });
  const recipe = [UV, readFileSync(join(checkout, 'uv.lock'))];
  const python = virtualEnvironment('python-system', interpreter, recipe, (python, environment) => {
    console.error('installing what the Python system stands on, 6 GB');
    pipInstall(python, [UV]);
    const options = ['--frozen', '--no-dev', '--no-install-project', '--inexact', '--compile-bytecode'];
    mustRun(
      join(environment, 'bin', 'uv'),
      ['sync', '--project', checkout, '--no-cache', ...options],
      'the packages of the lock file were not installed (is the package index within reach?)',
      { ...process.env, UV_PROJECT_ENVIRONMENT: environment },
    );
  });
  return { python, sources: join(checkout, 'src'), commit: COMMIT };
}

function checkSources(checkout: string): void {
  const git = (...words: string[]): string =>
    mustRun('git', ['-C', checkout, ...words], `${checkout} is not a checkout that git can read. ${TO_DO}`);
  const commit = git('rev-parse', 'HEAD').trim();
  if (commit !== COMMIT) throw new CommandError(`${checkout} is at commit ${commit}. ${TO_DO}`);
  const changed = git('status', '--porcelain', '--', 'src', 'pyproject.toml', 'uv.lock').trim();
  if (changed !== '') throw new CommandError(`${checkout} has changes; expected none:\n${changed}`);
}
