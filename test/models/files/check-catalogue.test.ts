import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { HubServer, type ServedFile } from '../../support/hub-server.js';

const ROOT = new URL('../../../', import.meta.url);
const SCRIPT = fileURLToPath(new URL('scripts/check-catalogue.mjs', ROOT));
const BRANCH = 'b'.repeat(40);
const PINNED = 'c'.repeat(40);

interface Entry {
  readonly name: string;
  readonly source: string;
  revision: string;
  readonly weights: {
    readonly files: readonly string[];
    readonly components?: readonly {
      readonly source: string;
      revision: string;
      readonly files: readonly string[];
    }[];
  };
}

/** Two entries of the program's catalogue, of three repositories: one has a part from another repository. */
const {
  models,
}: {
  models: Entry[];
} = JSON.parse(readFileSync(new URL('models/catalogue.json', ROOT), 'utf8'));
const small = models.find(({ name }) => name === 'AllMiniLML6v2')!;
const large = models.find(({ name }) => name === 'SDXLTurboTiny')!;
const entries = [small, large];
small.revision = 'main';
large.revision = PINNED;
const part = large.weights.components![0]!;
part.revision = PINNED;

function served(files: readonly string[]): Record<string, ServedFile> {
  return Object.fromEntries(files.map((path) => [path, { bytes: Buffer.from(path) }]));
}

const repositoryOf = ({ source }: { readonly source: string }): string => source.replace('hub:', '');

let hub: HubServer;
let catalogue: string;
beforeAll(async () => {
  hub = new HubServer({
    [repositoryOf(small)]: served(small.weights.files),
    [repositoryOf(large)]: served(large.weights.files),
    [repositoryOf(part)]: served(['vae_encoder/model.onnx']),
  });
  hub.commits[repositoryOf(small)] = BRANCH;
  hub.commits[repositoryOf(large)] = PINNED;
  hub.commits[repositoryOf(part)] = PINNED;
  await hub.start();
  catalogue = join(temporaryFolder(), 'catalogue.json');
  writeFileSync(catalogue, JSON.stringify({ models: entries }, null, 2));
});
afterAll(async () => await hub.stop());

async function check(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [SCRIPT, '--catalogue', catalogue, ...args], {
    env: { PATH: process.env['PATH'], HF_ENDPOINT: hub.endpoint },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

test('branches are reported and pinned, and files that a commit lacks are named', async () => {
  const before = await check();
  expect(before.code).toBe(1);
  expect(before.output).toContain(
    `AllMiniLML6v2, ${repositoryOf(small)}@main: a branch, which is at ${BRANCH} now; --pin writes that`,
  );
  expect(before.output).toContain(`SDXLTurboTiny, ${repositoryOf(large)}@${PINNED}: all files are there`);
  expect(before.output).toContain(`${PINNED} has no ${part.files.join(', ')}`);

  const pinning = await check('--pin');
  expect(pinning.output).toContain(`pinned ${small.source} to ${BRANCH}`);
  small.revision = BRANCH;
  expect(JSON.parse(readFileSync(catalogue, 'utf8'))).toEqual({ models: entries });
  expect((await check()).output).toContain(
    `AllMiniLML6v2, ${repositoryOf(small)}@${BRANCH}: all files are there`,
  );
});

test('an unknown option is refused', async () => {
  expect(await check('--pinned')).toMatchObject({ code: 2 });
});
