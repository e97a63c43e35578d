import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { repositoryPath } from '../support/child-processes.js';

const DIST = repositoryPath('dist');

const manifest = z
  .object({
    dependencies: z.record(z.string(), z.string()),
    optionalDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8')));

/** `import … from 'NAME';`, `export … from 'NAME';`, `import 'NAME';` and `import('NAME')`, where NAME is no path. */
const IMPORTS =
  /^(?:(?:import|export|\}) (?:.* )?from |import )['"]([^'".][^'"]*)['"];$|\bimport\(['"]([^'".][^'"]*)['"]\)/gm;

/**
 * The files of `dist/` that package.json lets in, by their paths there. package.night.test.ts installs the
 * package itself.
 */
function packed(): string[] {
  return readdirSync(DIST, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length + 1))
    .filter((file) => !/^(bench|faults)\//.test(file));
}

/** The packages that a compiled file imports. Types are gone from compiled code. */
function packagesImportedBy(file: string): string[] {
  return [...readFileSync(join(DIST, file), 'utf8').matchAll(IMPORTS)]
    .map((match) => match[1] ?? match[2] ?? '')
    .filter((imported) => !imported.startsWith('node:') && !builtinModules.includes(imported))
    .map((imported) =>
      imported
        .split('/')
        .slice(0, imported.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}

test('the packed code imports every package that package.json depends on, and no other', () => {
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  const importing = packed()
    // The bundle of the workflows contains what it needs.
    .filter((file) => file.endsWith('.js') && file !== join('workflows', 'bundle.js'))
    .map((file) => ({ file, packages: packagesImportedBy(file) }));
  const strange = importing.filter(({ packages }) => packages.some((name) => !declared.includes(name)));
  expect(strange).toEqual([]);
  const imported = new Set(importing.flatMap(({ packages }) => packages));
  expect(declared.filter((name) => !imported.has(name))).toEqual([]);
});
