import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const FILES = ['docker-compose.yml', 'Dockerfile'] as const;
const PIN = /@sha256:[0-9a-f]{64}/g;

function digestOf(image: string): string {
  return `sha256:${createHash('sha256').update(image).digest('hex')}`;
}

/**
 * A folder with the two files, changed by `change`, and a docker that answers like `docker buildx imagetools
 * inspect`. A folder is its registry.
 */
function standIn(change: (text: string) => string, unknown: readonly string[] = []) {
  const folder = temporaryFolder();
  const registry = join(folder, 'registry');
  mkdirSync(registry);
  const asked = join(folder, 'asked');
  for (const name of FILES) {
    const text = change(readFileSync(repositoryPath(name), 'utf8'));
    writeFileSync(join(folder, name), text);
    for (const [image] of text.matchAll(/[a-z][a-z/-]+:v?\d[\w.-]+/g)) {
      const manifest = {
        mediaType: 'application/vnd.oci.image.index.v1+json',
        digest: digestOf(image),
        size: 1,
      };
      if (!unknown.includes(image))
        writeFileSync(join(registry, encodeURIComponent(image)), JSON.stringify(manifest));
    }
  }
  writeFileSync(
    join(folder, 'docker'),
    `#!${process.execPath}
     const fs = require('node:fs');
     const [buildx, imagetools, inspect, image, ...format] = process.argv.slice(2);
     fs.appendFileSync(${JSON.stringify(asked)}, image + '\\n');
     const words = [buildx, imagetools, inspect, ...format].join(' ');
     if (words !== 'buildx imagetools inspect --format {{json .Manifest}}') throw new Error(words);
     const file = ${JSON.stringify(`${registry}/`)} + encodeURIComponent(image);
     if (!fs.existsSync(file)) { console.error('ERROR: ' + image + ': not found'); process.exit(1); }
     process.stdout.write(fs.readFileSync(file, 'utf8') + '\\n');`,
    { mode: 0o755 },
  );
  return {
    read: () => FILES.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n'),
    asked: () => (existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : []),
    run: (...words: string[]) =>
      spawnSync(process.execPath, [repositoryPath('scripts/pin-images.mjs'), ...words, folder], {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
      }),
  };
}

test('images without a digest get that of their registry, which is asked once for each, and nothing else changes', () => {
  const { read, asked, run } = standIn((text) => text.replaceAll(PIN, ''));
  const before = read();
  expect(before).not.toMatch(PIN);
  const { status, stderr } = run();
  expect([status, stderr]).toEqual([0, '']);
  expect(read().replaceAll(PIN, '')).toBe(before);
  expect(read().match(PIN)).toHaveLength(8);
  for (const [, image = '', digest = ''] of read().matchAll(
    /([a-z][a-z/-]+:v?\d[\w.-]+)@(sha256:[0-9a-f]{64})/g,
  )) {
    expect(digest).toBe(digestOf(image));
  }
  expect(asked().toSorted()).toEqual([...new Set(asked())].toSorted());
  expect(asked()).toEqual(
    expect.arrayContaining([expect.stringMatching(/^node:/), expect.stringMatching(/^temporalio\/ui:/)]),
  );
  expect(asked().join(' ')).not.toContain('panic-tda');
});

test('a digest that its registry no longer has is reported and kept, and replaced if the caller asks for it', () => {
  const { read, run } = standIn((text) => text);
  const before = read();
  const { status, stderr } = run();
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^postgres:\S+ is pinned to sha256:\w+, and its registry has sha256:\w+: --update replaces it$/m,
  );
  expect(read()).toBe(before);
  expect(run('--update')).toMatchObject({ status: 0, stderr: '' });
  expect(run()).toMatchObject({ status: 0, stderr: '', stdout: '' });
});

test('an image that its registry does not know leaves both files as they were', () => {
  const image = /ARG NODE_IMAGE=([^@\s]+)/.exec(readFileSync(repositoryPath('Dockerfile'), 'utf8'))![1]!;
  const { read, run } = standIn((text) => text.replaceAll(PIN, ''), [image]);
  const before = read();
  const { status, stderr } = run();
  expect([status, stderr]).toEqual([
    1,
    `docker cannot tell the digest of ${image}: ERROR: ${image}: not found\n`,
  ]);
  expect(read()).toBe(before);
});
