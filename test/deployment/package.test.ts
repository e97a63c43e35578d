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

/** The files of `dist/` that package.json lets in, by their paths there; package.night.test.ts installs the package itself. */
function packed(): string[] {
  return readdirSync(DIST, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length + 1))
    .filter((file) => !/^(bench|faults)\//.test(file));
}

test('the compiled code that is packed imports only what package.json says it depends on', () => {
  const declared = new Set([
    ...Object.keys(manifest.dependencies),
    ...Object.keys(manifest.optionalDependencies),
  ]);
  const strange = packed()
    .filter((file) => file.endsWith('.js') && file !== join('workflows', 'bundle.js'))
    .flatMap((file) =>
      [
        ...readFileSync(join(DIST, file), 'utf8').matchAll(
          /^(?:(?:import|export|\}) (?:.* )?from |import )['"]([^'".][^'"]*)['"];$|\bimport\(['"]([^'".][^'"]*)['"]\)/gm,
        ),
      ].map((match) => ({ file, imported: match[1] ?? match[2] ?? '' })),
    )
    .filter(({ imported }) => !imported.startsWith('node:') && !builtinModules.includes(imported))
    .filter(({ imported }) => {
      const parts = imported.split('/');
      return !declared.has(imported.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!);
    });
  expect(strange).toEqual([]);
});
