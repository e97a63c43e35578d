import { expect, test } from '@jest/globals';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogueFileSchema } from '../../models/catalogue-schema.js';
import { runCommand } from '../../workers/processes/run-command.js';
import { wholeEnvironment } from '../support/whole-environment.js';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { packageVersion } from '../support/package-file.js';

const ROOMS = ['activities', 'cli', 'common', 'db', 'experiment', 'models', 'tda', 'workers', 'workflows'];

/** The lines of a room's modules that ask for the address of their module. */
function askingForTheirAddress(room: string): string[] {
  return readdirSync(repositoryPath(room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      readFileSync(join(repositoryPath(room), file), 'utf8')
        .split('\n')
        .filter((line) => line.includes('import.meta.') && !line.includes('createRequire(import.meta.url)'))
        .map(() => `${room}/${file}`),
    );
}

test('only one module asks for its own address, since the build moves the others', () => {
  expect(ROOMS.flatMap(askingForTheirAddress)).toEqual(['common/compiled-file.ts']);
});

const source = (): { readonly models: Record<string, unknown>[] } =>
  JSON.parse(readFileSync(repositoryPath('models/catalogue.json'), 'utf8'));

test('the catalogue of the build is that of the sources, in the form of the schema', () => {
  const built: unknown = JSON.parse(readFileSync(repositoryPath('dist/models/catalogue.json'), 'utf8'));
  const { models, unavailable } = catalogueFileSchema.parse(source());
  expect(built).toEqual({ models, unavailable });
});

test('a faulty catalogue stops the build, and the message names the entry and the field', async () => {
  const root = temporaryFolder();
  for (const room of ['common', 'experiment', 'models']) {
    cpSync(repositoryPath(`dist/${room}`), join(root, 'dist', room), { recursive: true });
  }
  symlinkSync(repositoryPath('node_modules'), join(root, 'node_modules'));
  const { models, ...rest } = source();
  const wrong = models.map((model, index) => (index === 3 ? { ...model, revison: 'main' } : model));
  writeFileSync(join(root, 'dist/models/catalogue.json'), JSON.stringify({ ...rest, models: wrong }));
  const script = repositoryPath('scripts/compile-catalogue.mjs');
  const { code, output } = await runCommand(process.execPath, [script, join(root, 'dist/models')], {
    timeoutMs: 60_000,
    env: wholeEnvironment({ NODE_OPTIONS: undefined }),
  });
  expect(code).toBe(1);
  expect(output).toMatch(/"models",\s+3\s/);
  expect(output).toContain('revison');
});

test('the build contains the licence of each package whose code was joined', () => {
  const text = readFileSync(repositoryPath('dist/program/LICENSES.txt'), 'utf8');
  for (const name of ['commander', 'drizzle-orm', 'log-update', 'zod']) {
    expect(text).toContain(`${name} ${packageVersion(name)}\n`);
  }
});
