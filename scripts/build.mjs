// Compiles TypeScript to dist/, with the other files of the rooms, the checked catalogue, and the bundles of
// the workflows and of the program. It is `npm run build`, and a step of set-up.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolEnvironment } from './tool-environment.mjs';

const stampName = '.build-stamp';

/**
 * Builds unless dist/ was made from exactly these sources. The old dist/ stays until the new one is complete.
 */
export async function build(root, say) {
  const dist = join(root, 'dist');
  const sources = roomFiles(root);
  const stamp = hashOf(root, [...recipeFiles(root), ...sources]);
  if (readIfThere(join(dist, stampName)) === stamp) return;

  say(existsSync(join(dist, stampName)) ? 'building (sources have changed)' : 'building');
  const fresh = join(root, 'dist.new');
  rmSync(fresh, { recursive: true, force: true });
  runNode(root, [
    join('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.build.json',
    '--outDir',
    fresh,
  ]);
  for (const file of sources.filter(isAssembly)) buildAssembly(root, file, fresh);
  for (const file of sources.filter(isAsset)) {
    const target = join(fresh, relative(root, file));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(file, target);
  }
  const models = join(fresh, 'models');
  if (existsSync(join(models, 'catalogue.json'))) {
    runNode(root, [join('scripts', 'compile-catalogue.mjs'), models]);
  }
  const workflows = join(fresh, 'workflows', 'index.js');
  if (existsSync(workflows)) {
    bundleWorkflows(root);
  }
  if (existsSync(join(fresh, 'cli', 'main.js'))) {
    runNode(root, [join('scripts', 'bundle-program.mjs'), fresh]);
  }
  writeFileSync(join(fresh, stampName), stamp);

  const old = join(root, 'dist.old');
  rmSync(old, { recursive: true, force: true });
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
}

/**
 * Compiles AssemblyScript to WebAssembly, beside the modules of its room. The caller owns the memory, and
 * nothing in it is freed, so it needs no runtime.
 */
function buildAssembly(root, file, fresh) {
  const room = dirname(dirname(relative(root, file)));
  const target = join(fresh, room, `${basename(file, '.ts')}.wasm`);
  const asc = join('node_modules', 'assemblyscript', 'bin', 'asc.js');
  const features = ['--enable', 'simd', '--enable', 'bulk-memory'];
  const size = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory'];
  runNode(root, [asc, relative(root, file), '--outFile', target, ...size, ...features]);
}

/**
 * Bundles dist.new/workflows/ into dist.new/workflows/bundle.js. In a path, webpack takes `?` as the
 * beginning of a query, `#` as that of a fragment and `!` as the end of a loader's name
 * (https://webpack.js.org/concepts/loaders/#inline). So it gets a link with a plain name.
 */
function bundleWorkflows(root) {
  if (!/[?#!]/.test(root)) return bundleFrom(root, []);
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-build-'));
  try {
    symlinkSync(resolve(root), join(folder, 'clone'));
    bundleFrom(join(folder, 'clone'), ['--preserve-symlinks', '--preserve-symlinks-main']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bundleFrom(root, flags) {
  const folder = join(root, 'dist.new', 'workflows');
  const script = join(root, 'scripts', 'bundle-workflows.mjs');
  runNode(root, [script, join(folder, 'index.js'), join(folder, 'bundle.js')], flags);
}

function isAssembly(file) {
  return basename(dirname(file)) === 'assembly';
}

/** The files that say how to build. */
function recipeFiles(root) {
  const names = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  const scripts = ['build', 'bundle-program', 'bundle-workflows', 'compile-catalogue'].map((name) =>
    join('scripts', `${name}.mjs`),
  );
  return [...names, ...scripts].map((name) => join(root, name)).filter((file) => existsSync(file));
}

/** The files of the rooms that tsconfig.json names. */
function roomFiles(root) {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  return include.filter((room) => room !== 'test').flatMap((room) => filesUnder(join(root, room)));
}

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !/\.(md|svg)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Files of a room besides TypeScript (migrations, JSON read as a file), which the compiler does not copy. */
function isAsset(file) {
  return !file.endsWith('.ts');
}

function hashOf(root, files) {
  const hash = createHash('sha256').update(process.versions.node);
  for (const file of files) hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

function runNode(root, args, flags = []) {
  const options = { cwd: root, env: toolEnvironment(root), encoding: 'utf8', maxBuffer: 2 ** 26 };
  const result = spawnSync(process.execPath, [...flags, ...args], options);
  if (result.status === 0) return;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trim();
  throw new Error(`\`node ${relative(root, resolve(root, args[0]))}\` reported:\n${output}`);
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

// Node resolves links in the address of a module, but not in `argv`.
if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) {
  try {
    await build(fileURLToPath(new URL('..', import.meta.url)), (line) => console.log(line));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
