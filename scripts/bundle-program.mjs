// node scripts/bundle-program.mjs <compiled program>
//
// Joins the modules of the command line, and the packages that consist of hundreds of small modules, into
// some files in `program/`: one for each import() of a command, and one for modules that several commands
// share. A command then reads 3 to 8 files instead of 350, in 0.13 s less of CPU time. `cli/main.js` stays
// where it is, and is the entry. Threads and child processes start from the rooms beside it.
import { build } from 'esbuild';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';

const [dist] = process.argv.slice(2);
if (dist === undefined) throw new Error('usage: bundle-program.mjs <compiled program>');

/**
 * Packages without native code, which a start would read module by module. All others are imported from where
 * they are installed.
 */
const JOINED = ['@temporalio/envconfig', 'commander', 'drizzle-orm', 'log-update', 'zod'];
/**
 * Parts of an external package that are joined as well: light commands need these functions, and finding
 * their files takes 20 ms of CPU time. None of them has a class or a symbol that another module compares with
 * its own copy.
 */
const JOINED_PARTS = /^@temporalio\/common\/lib\/(encoding|internal-workflow|search-attributes)(\/|\.js$|$)/;

/** Commands that only look at the store. */
const LOOKING = ['cli/commands/list.js', 'cli/commands/status.js', 'cli/commands/show.js'];

const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
);
const options = {
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
  // CommonJS modules among the joined ones call `require`.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
  },
  metafile: true,
  logLevel: 'warning',
};
const joinedParts = {
  name: 'joined-parts',
  setup: ({ onResolve }) =>
    onResolve({ filter: JOINED_PARTS }, ({ path, resolveDir }) => ({
      path: createRequire(join(resolveDir, 'importer.js')).resolve(path),
    })),
};
const { metafile: found } = await build({ ...options, plugins: [joinedParts], write: false });
const { metafile } = await build({ ...options, plugins: [joinedParts, loadedTogether(found.inputs)] });
writeFileSync(join(dist, 'program', 'LICENSES.txt'), licencesOf(joinedFolders(Object.keys(metafile.inputs))));

/**
 * Esbuild makes a file for each set of commands that share a module, and Node takes 0.7 ms of CPU time for a
 * file. Two groups of modules are always loaded together: those that every start needs, and those that every
 * command needs that has a data folder. Here each import() of a module that needs a part of a group names the
 * whole group. So all modules of the group have the same set of commands, and share one file.
 */
function loadedTogether(inputs) {
  const main = moduleAt(inputs, 'cli/main.js');
  const starting = staticImports(inputs, [main]);
  const looking = staticImports(
    inputs,
    LOOKING.map((name) => moduleAt(inputs, name)),
  );
  const look = new Set([...looking].filter((file) => !starting.has(file)));
  // Without the program itself: it waits for its command, which would then wait for the program.
  const groups = { start: [...starting].filter((file) => file !== main), look: [...look] };
  const commands = new Set(
    Object.values(inputs).flatMap(({ imports }) =>
      imports
        .filter(({ kind, external }) => kind === 'dynamic-import' && external !== true)
        .map(({ path }) => path),
    ),
  );
  return {
    name: 'loaded-together',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^group:/ }, ({ path }) => ({ path, namespace: 'group' }));
      onLoad({ filter: /./, namespace: 'group' }, ({ path }) => ({
        contents: groups[path.slice('group:'.length)]
          .filter(isOwn)
          .map((file) => `import ${JSON.stringify(resolve(file))};`)
          .join('\n'),
        resolveDir: dist,
      }));
      onLoad({ filter: /\.js$/ }, ({ path }) => {
        const file = spelt(path);
        if (!commands.has(file)) return undefined;
        const looks = [...staticImports(inputs, [file])].some((needed) => look.has(needed) && isOwn(needed));
        const named = `import 'group:start';${looks ? " import 'group:look';" : ''}`;
        return { contents: `${named} ${readFileSync(path, 'utf8')}` };
      });
    },
  };
}

/** Whether a module is not of a package. */
function isOwn(file) {
  return !file.includes('node_modules');
}

/** The modules that these need before they begin, and themselves. */
function staticImports(inputs, files) {
  const reached = new Set();
  const open = [...files];
  while (open.length > 0) {
    const file = open.pop();
    if (reached.has(file)) continue;
    reached.add(file);
    for (const { path, kind, external } of inputs[file].imports) {
      if (kind !== 'dynamic-import' && external !== true) open.push(path);
    }
  }
  return reached;
}

/** The path of a module in esbuild's spelling. */
function spelt(path) {
  return relative(process.cwd(), path).split(sep).join('/');
}

/** The module of this name in the compiled program, in esbuild's spelling. */
function moduleAt(inputs, name) {
  const file = spelt(join(dist, name));
  if (inputs[file] === undefined)
    throw new Error(`bundle-program.mjs names ${name}, which the program does not import`);
  return file;
}

/** Folders of the packages to which these files belong. */
function joinedFolders(files) {
  const folders = files.flatMap((file) => /^.*\/?node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].toSorted((a, b) => a.localeCompare(b, 'en'));
}

/** The licences of the joined packages. They require that their text goes along with every copy. */
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
