// node scripts/bundle-program.mjs <compiled program>
//
// Joins the modules of the command line, with the packages that are hundreds of small modules, to some files in `program/`: a file for
// each import() of a command, and one for what several of them share. A command reads 30 files instead of 350, in 0.1 s less of
// CPU time. `cli/main.js` stays where it is, and begins there; the rooms beside it are what threads and child processes start from.
import { build } from 'esbuild';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [dist] = process.argv.slice(2);
if (dist === undefined) throw new Error('usage: bundle-program.mjs <compiled program>');

/** Packages without native code that a start would read module by module. All others are imported where they are installed. */
const JOINED = ['commander', 'drizzle-orm', 'log-update', 'zod'];

const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
);
const { metafile } = await build({
  entryPoints: [join(dist, 'cli', 'main.js')],
  outbase: dist,
  outdir: dist,
  allowOverwrite: true,
  chunkNames: 'program/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  external: Object.keys({ ...dependencies, ...optionalDependencies }).filter(
    (name) => !JOINED.includes(name),
  ),
  // What CommonJS modules among the joined ones call.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
  },
  metafile: true,
  logLevel: 'warning',
});
writeFileSync(join(dist, 'program', 'LICENSES.txt'), licencesOf(joinedFolders(Object.keys(metafile.inputs))));

/** Folders of the packages that these files are of. */
function joinedFolders(files) {
  const folders = files.flatMap((file) => /^.*\/?node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].toSorted((a, b) => a.localeCompare(b, 'en'));
}

/** Whose code was joined, and on which terms: these ask that their text goes along with every copy. */
function licencesOf(folders) {
  return folders
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const text =
        file === undefined
          ? `License: ${license}, https://spdx.org/licenses/${license}.html`
          : readFileSync(join(folder, file), 'utf8').trim();
      return `${name} ${version}\n\n${text}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
