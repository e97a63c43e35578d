import { expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryPath } from '../support/child-processes.js';
import { firstByDay } from '../support/range.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { foreignModules } from './bundle-contents.js';

/** Bundles a workflow of one file as the build does. */
async function bundle(text: string, ignoreModules: readonly string[] = []): Promise<string> {
  const root = temporaryFolder();
  mkdirSync(join(root, 'workflows'));
  symlinkSync(repositoryPath('node_modules'), join(root, 'node_modules'));
  const workflowsPath = join(root, 'workflows', 'index.js');
  writeFileSync(workflowsPath, text);
  const logger = new DefaultLogger('ERROR', () => undefined);
  const { code } = await bundleWorkflowCode({ workflowsPath, logger, ignoreModules: [...ignoreModules] });
  return code;
}

test('the bundle of the workflows holds the workflows and the SDK, and nothing else', () => {
  const built = readFileSync(repositoryPath('dist/workflows/bundle.js'), 'utf8');
  expect(foreignModules(built)).toEqual([]);
  expect(built).toMatch(/!\*\*\* .*workflows\/experiment\.js \*\*\*!/);
});

test('in a bundle, an import of zod and a Node module that the bundler was told to ignore are found, and nothing else', async () => {
  const code = await bundle(
    `import { readFileSync } from 'fs';
     import { sleep } from '@temporalio/workflow';
     import { z } from 'zod';
     export const nap = () => sleep(1);
     export const read = () => z.string(readFileSync);`,
    ['fs'],
  );
  expect(foreignModules(code)).toEqual(['fs', 'zod']);
});

test.each(
  [
    ['node:fs', 'fs'],
    ['better-sqlite3', 'sharp', 'drizzle-orm/better-sqlite3', 'onnxruntime-node'],
  ].flatMap(firstByDay),
)('a workflow that imports %s makes no bundle', async (module) => {
  await expect(
    bundle(`import * as module from '${module}'; export const use = () => Object.keys(module);`),
  ).rejects.toThrow(/disallowed modules|Webpack finished with errors/);
});

test('a file of another room is found', () => {
  const bundled = ['  !*** ./dist/workflows/run.js ***!', '  !*** ./dist/activities/failures.js ***!'].join(
    '\n',
  );
  expect(foreignModules(bundled)).toEqual(['./dist/activities/failures.js']);
});

test('a text that is no bundle does not count as a clean bundle', () => {
  expect(() => foreignModules('export {};')).toThrow('no bundle');
});
