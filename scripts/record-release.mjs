// npm run record-release: stores what tests need of the version in package.json when it is released, in
// test/releases/VERSION:
//
//   release.json     description: digest of its workflow code, its migrations with their digests, its packages
//   workflows.js.br  its workflow code, which test/workflows/replay.test.ts runs on the histories of later versions
//   program.json.br  its compiled program, { path: text } with a character for each byte; without files that only people
//                    read, and without weights of models. test/support/released-version.ts starts it.
//
// A recorded version is released: the script never records it again with other code. Until then the version
// in package.json is that of the present code.
//
// node scripts/record-release.mjs [--from CLONE_OR_PACKAGE] [--to FOLDER]
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { splitBundle } from '../dist/workers/workflow-bundle.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { from, to } = parseArgs({
  options: {
    from: { type: 'string', default: root },
    to: { type: 'string', default: join(root, 'test', 'releases') },
  },
}).values;

const { version, dependencies, optionalDependencies } = JSON.parse(textOf('package.json'));
const workflows = splitBundle(textOf('dist/workflows/bundle.js')).code;
const description = {
  version,
  recorded: new Date().toISOString().slice(0, '2026-01-01'.length),
  workflows: sha256(workflows),
  migrations: {
    sqlite: migrationsIn('dist/db/migrations'),
    postgres: migrationsIn('dist/db/postgres/migrations'),
  },
  packages: { ...dependencies, ...optionalDependencies },
};
const program = JSON.stringify(programFiles());
// The stored files must not describe the machine that built them.
for (const text of [workflows, program]) {
  if (text.includes(from)) throw new Error(`the program names the folder that it was built in, ${from}`);
}

const folder = join(to, version);
if (existsSync(folder)) {
  const different = differences();
  if (different.length === 0) {
    console.log(`${version} is recorded, and this is its code.`);
  } else {
    console.error(
      `${version} was released with other code: ${different.join(', ')}. What was released is never recorded anew: raise the version in package.json, and record its histories (npm run record-histories).`,
    );
    process.exitCode = 1;
  }
} else {
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(join(unfinished, 'release.json'), `${JSON.stringify(description, null, 2)}\n`);
  writeFileSync(join(unfinished, 'workflows.js.br'), compressed(workflows));
  writeFileSync(join(unfinished, 'program.json.br'), compressed(program));
  renameSync(unfinished, folder);
  console.log(`${version} is recorded in ${folder}: workflow code ${description.workflows.slice(0, 12)}.`);
}

/** What differs in this program from the recorded one. */
function differences() {
  const recorded = JSON.parse(readFileSync(join(folder, 'release.json'), 'utf8'));
  const known = JSON.stringify(recorded.migrations) === JSON.stringify(description.migrations);
  return [
    ...(recorded.workflows === description.workflows
      ? []
      : [`workflow code ${recorded.workflows.slice(0, 12)}, and ${description.workflows.slice(0, 12)} here`]),
    ...(known ? [] : ['other migrations']),
    ...(decompressed('program.json.br') === program ? [] : ['another program']),
  ];
}

/** The migrations of a folder in their order, each with the digest of its SQL. */
function migrationsIn(path) {
  const { entries } = JSON.parse(textOf(join(path, 'meta/_journal.json')));
  return Object.fromEntries(entries.map(({ tag }) => [tag, sha256(textOf(join(path, `${tag}.sql`)))]));
}

/**
 * The files that a start of the program reads. Modules of the command line are joined in `program/`; workflow
 * code is stored separately.
 */
function programFiles() {
  const dist = join(from, 'dist');
  const paths = readdirSync(dist, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dist, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter(
      (path) =>
        !/\.(map|d\.ts)$|_snapshot\.json$|^\.build-stamp$|^(bench|faults)\/|^workflows\/bundle\.js$/.test(
          path,
        ),
    )
    .filter(
      (path) =>
        !path.startsWith('models/trained-loop/') && (!path.startsWith('cli/') || path === 'cli/main.js'),
    )
    .toSorted();
  const files = ['package.json', ...paths.map((path) => `dist/${path}`)];
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(from, path), 'latin1')]));
}

function textOf(path) {
  return readFileSync(join(from, path), 'utf8');
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

function compressed(text) {
  // The best quality takes ten times as long, for a tenth less. With a window of 16 MiB, a module that is in
  // two rooms is compressed once.
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(text, { params });
}

function decompressed(name) {
  return brotliDecompressSync(readFileSync(join(folder, name))).toString('utf8');
}
