import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readExperimentFile } from '../../experiment/index.js';
import { catalogue, smallest, smallestConfig } from '../support/small-catalogue.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'panic-tda-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('reads a file, with or without a byte order mark', async () => {
  const text = JSON.stringify(smallest);
  for (const content of [text, `\ufeff${text}`]) {
    expect(await readExperimentFile(written('good.json', content), catalogue)).toEqual({
      ok: true,
      config: smallestConfig,
    });
  }
});

test('a missing file is a problem', async () => {
  const path = join(folder, 'absent.json');
  const validation = await readExperimentFile(path, catalogue);
  expect(validation).toMatchObject({
    ok: false,
    source: path,
    problems: [{ path: '', found: 'no file of that name' }],
  });
});

test('a folder is a problem', async () => {
  expect(await readExperimentFile(folder, catalogue)).toMatchObject({
    ok: false,
    problems: [{ found: 'a folder' }],
  });
});

test('a path that no file can have is a problem', async () => {
  expect(await readExperimentFile('a\0b', catalogue)).toMatchObject({ ok: false });
  expect(await readExperimentFile('', catalogue)).toMatchObject({ ok: false });
});

test('bytes that are not UTF-8 are a problem', async () => {
  const latin1 = written('latin1.json', Buffer.from('{"name": "caf\xe9"}', 'latin1'));
  const utf16 = written('utf16.json', Buffer.from('\ufeff{}', 'utf16le'));
  expect(await readExperimentFile(latin1, catalogue)).toMatchObject({
    problems: [{ found: 'bytes that are not UTF-8' }],
  });
  expect(await readExperimentFile(utf16, catalogue)).toMatchObject({
    problems: [{ found: 'text in UTF-16' }],
  });
});

test('bad JSON and a repeated key are problems that name the file', async () => {
  const bad = written('bad.json', '{\n  "prompts": [,]\n}');
  expect(await readExperimentFile(bad, catalogue)).toMatchObject({
    source: bad,
    problems: [{ path: 'line 2, column 15' }],
  });
  const repeated = written('repeated.json', JSON.stringify(smallest).replace('{', '{"max_length": 5, '));
  expect(await readExperimentFile(repeated, catalogue)).toMatchObject({
    source: repeated,
    problems: [{ path: 'max_length' }],
  });
});

test('a file beyond 64 MiB is refused before it is read whole', async () => {
  const path = written('large.json', Buffer.alloc(65 * 1024 * 1024, ' '));
  expect(await readExperimentFile(path, catalogue)).toMatchObject({
    problems: [{ found: 'more than 64 MiB' }],
  });
});
