import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { lockFileProblems, packagesWithScripts } from './lock-file.mjs';
import { toolEnvironment } from './tool-environment.mjs';

/**
 * Runs `npm ci` if the installed packages are not those of package-lock.json, or were compiled for another
 * Node.
 */
export function installPackages(root, say) {
  const stampFile = join(root, 'node_modules', '.panic-tda-setup.json');
  const wanted = JSON.stringify({
    lockFile: createHash('sha256')
      .update(readFileSync(join(root, 'package-lock.json')))
      .digest('hex'),
    // better-sqlite3 is compiled for one ABI of Node on one platform.
    abi: process.versions.modules,
    platform: `${process.platform}-${process.arch}`,
  });
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== wanted) {
    const why = existsSync(stampFile)
      ? 'package-lock.json or Node has changed'
      : 'not installed yet by this script';
    say(`installing packages (${why}; a few minutes)`);
    npmCi(root);
    writeFileSync(stampFile, wanted);
  }
  linkOwnCommand(root);
}

/** Runs only the install scripts that package.json allows, whatever npm does with that field. */
function npmCi(root) {
  const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));
  const [lock, project] = [read('package-lock.json'), read('package.json')];
  const problems = lockFileProblems(lock, project);
  if (problems.length > 0) {
    throw new Error(
      `nothing was installed, since package-lock.json does not hold every package to its checksum:\n${shortened(problems.join('\n'))}\n` +
        'Take the file of the repository, or mend yours by `node scripts/complete-lock-file.mjs`.',
    );
  }
  npm(root, ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund']);
  const allowed = packagesWithScripts(lock, project).filter((name) =>
    existsSync(join(root, 'node_modules', name)),
  );
  // Without a name, npm would run the scripts of all packages.
  if (allowed.length > 0) npm(root, ['rebuild', ...allowed]);
}

function npm(root, words) {
  // The npm that runs this script, which may be another one than that on PATH.
  const [program, ...first] = process.env.npm_execpath?.endsWith('.js')
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  const result = spawnSync(program, [...first, ...words, '--loglevel=error'], {
    cwd: root,
    env: { ...toolEnvironment(root), ...nodeHeaders() },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (result.error) throw new Error(`npm cannot be started: ${result.error.message}`);
  if (result.status !== 0) {
    throw new Error(
      `\`npm ${words[0]}\` ended with ${result.signal ?? `code ${result.status}`}:\n${shortened(`${result.stdout}\n${result.stderr}`)}\n` +
        'Check that the npm registry can be reached; where better-sqlite3 has to be compiled, python3, make and a C++ compiler are needed. Then start again.',
    );
  }
}

/** npm names the fault at the beginning, a compiler at the end. */
function shortened(output) {
  const lines = output.trim().split('\n');
  return (lines.length <= 40 ? lines : [...lines.slice(0, 15), '[…]', ...lines.slice(-20)]).join('\n');
}

/**
 * If no prebuilt better-sqlite3 can be downloaded, neither can Node's headers. node-gyp then uses the headers
 * beside Node.
 */
function nodeHeaders() {
  if (process.env.npm_config_nodedir) return {};
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const header = join(prefix, 'include', 'node', 'node_version.h');
  const matches =
    existsSync(join(prefix, 'include', 'node', 'node.h')) &&
    existsSync(header) &&
    new RegExp(`NODE_MODULE_VERSION\\s+${process.versions.modules}\\b`).test(readFileSync(header, 'utf8'));
  return matches ? { npm_config_nodedir: prefix } : {};
}

/** `npx` runs the programs in node_modules/.bin, where npm does not put a project's own command. */
function linkOwnCommand(root) {
  const link = join(root, 'node_modules', '.bin', 'panic-tda');
  if (existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  chmodSync(join(root, 'bin', 'panic-tda.mjs'), 0o755);
  symlinkSync(join('..', '..', 'bin', 'panic-tda.mjs'), link);
}
