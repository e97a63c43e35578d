import { afterEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { wholeEnvironment } from '../support/whole-environment.js';
import { runCommand } from '../../workers/processes/run-command.js';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { portOf } from '../support/port-of.js';

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function integrityOf(name: string): string {
  return `sha512-${createHash('sha512').update(name).digest('base64')}`;
}

/** A folder whose lock file lacks the checksum of `tool-aix`. */
function incomplete() {
  const folder = temporaryFolder();
  const project = { name: 'project', version: '1.0.0', dependencies: { tool: '1.0.0' } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  const packages = {
    '': project,
    'node_modules/tool': {
      version: '1.0.0',
      integrity: integrityOf('tool'),
      optionalDependencies: { 'tool-aix': '1.0.0' },
    },
    'node_modules/tool-aix': { version: '1.0.0', optional: true, os: ['aix'] },
  };
  const lock = { name: 'project', version: '1.0.0', lockfileVersion: 3, requires: true, packages };
  const file = join(folder, 'package-lock.json');
  writeFileSync(file, JSON.stringify(lock));
  const complete = async (url: string) =>
    await runCommand(process.execPath, [repositoryPath('scripts/complete-lock-file.mjs'), folder], {
      timeoutMs: 100_000,
      env: wholeEnvironment({
        NODE_OPTIONS: undefined,
        npm_config_registry: url,
        npm_config_userconfig: join(folder, 'npmrc'),
      }),
    });
  return { file, complete };
}

describe('completing a lock file', () => {
  let registry: Server | null = null;
  afterEach(() => {
    registry?.closeAllConnections();
    registry?.close();
  });

  /** A registry with `tool` and its program for another system, with these checksums. */
  async function startRegistry(checksum: (name: string) => object): Promise<string> {
    registry = createServer((request, response) => {
      const name = decodeURIComponent((request.url ?? '').slice(1));
      const more = name === 'tool' ? { optionalDependencies: { 'tool-aix': '1.0.0' } } : { os: ['aix'] };
      const dist = { tarball: `http://127.0.0.1/${name}.tgz`, ...checksum(name) };
      const version = { name, version: '1.0.0', dist, ...more };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }),
      );
    });
    registry.listen(0, '127.0.0.1');
    await once(registry, 'listening');
    return `http://127.0.0.1:${portOf(registry)}/`;
  }

  test('takes the checksum of a package of another system from the registry, and nothing else', async () => {
    const { file, complete } = incomplete();
    const url = await startRegistry((name) => ({ integrity: integrityOf(name) }));
    expect(await complete(url)).toMatchObject({ code: 0, output: '' });
    expect(read(file)).toMatchObject({
      packages: {
        'node_modules/tool': { integrity: integrityOf('tool') },
        'node_modules/tool-aix': { integrity: integrityOf('tool-aix'), os: ['aix'], optional: true },
      },
    });
    expect(readFileSync(file, 'utf8')).not.toContain('127.0.0.1');
  });

  test('leaves the file as it was if the registry has no SHA-512, and names the package', async () => {
    const { file, complete } = incomplete();
    const before = readFileSync(file, 'utf8');
    const url = await startRegistry(() => ({ shasum: '0'.repeat(40) }));
    const { code, output } = await complete(url);
    expect([code, output]).toEqual([
      1,
      expect.stringContaining('package-lock.json stays as it was:\nnode_modules/tool-aix has no SHA-512'),
    ]);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
