import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** `name`: of a package that has another name where it is installed. */
const entrySchema = z.object({
  name: z.string().optional(),
  integrity: z.string().optional(),
  dev: z.boolean().optional(),
});
const { packages } = z
  .object({ packages: z.record(z.string(), entrySchema) })
  .parse(JSON.parse(readFileSync(repositoryPath('package-lock.json'), 'utf8')));
const locked = Object.entries(packages).filter(([path]) => path !== '');

describe('the ONNX runtime of browsers', () => {
  test('is not installed: the interface that all runtimes share stands in for it', () => {
    const { integrity } = packages['node_modules/onnxruntime-common'] ?? {};
    const standIns = locked.filter(([path]) => path.endsWith('/onnxruntime-web'));
    expect(standIns).toHaveLength(1);
    expect(standIns[0]?.[1]).toEqual({ name: 'onnxruntime-common', integrity });
  });

  test('is not loaded by transformers.js on Node', async () => {
    const file = join(temporaryFolder(), 'modules.txt');
    // The hook sees what is imported, and the cache holds what is required.
    const script = `
      import { createRequire } from 'node:module';
      import { appendFileSync } from 'node:fs';
      await import('@huggingface/transformers');
      const required = Object.keys(createRequire(import.meta.url).cache);
      appendFileSync(process.env.LOADED_MODULES_FILE, required.join('\\n'));`;
    const preload = new URL('../support/loaded-modules.mjs', import.meta.url).href;
    await promisify(execFile)(process.execPath, ['--import', preload, '--input-type=module', '-e', script], {
      cwd: repositoryPath('.'),
      env: { ...process.env, LOADED_MODULES_FILE: file },
    });
    const loaded = readFileSync(file, 'utf8').split('\n');
    const from = (name: string) => loaded.filter((path) => path.includes(`/node_modules/${name}/`));
    expect(from('onnxruntime-common')).not.toEqual([]);
    expect(from('onnxruntime-node')).not.toEqual([]);
    expect(from('onnxruntime-web')).toEqual([]);
  });
});

describe('the packages of the lock file', () => {
  test('take at most 1,060 MB', () => {
    const mebibytes = sizeOf(locked.map(([path]) => path));
    // Packages that are not there weigh nothing.
    expect(mebibytes).toBeGreaterThan(700);
    expect(mebibytes).toBeLessThanOrEqual(1060);
  });

  test('take at most 800 MB without those that only build and test', () => {
    expect(sizeOf(locked.flatMap(([path, { dev }]) => (dev === true ? [] : [path])))).toBeLessThanOrEqual(
      800,
    );
  });
});

/** In MiB, where a file takes whole blocks of 4 KiB: what `du -sm` says on a usual file system. */
function sizeOf(paths: readonly string[]): number {
  const bytes = paths
    .map(repositoryPath)
    .filter(existsSync)
    .reduce((sum, path) => sum + bytesOf(path), 0);
  return bytes / 2 ** 20;
}

/** Without the packages inside of a package, which have entries of their own, and without what `setup cuda` fetches. */
function bytesOf(folder: string): number {
  const block = 4096;
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + bytesOf(path);
    if (entry.name.startsWith('libonnxruntime_providers_')) return sum;
    return sum + Math.ceil(lstatSync(path).size / block) * block;
  }, block);
}
