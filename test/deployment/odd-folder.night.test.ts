import { afterAll, expect, jest, test } from '@jest/globals';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { wholeEnvironment } from '../support/whole-environment.js';
import { runCommand } from '../../workers/processes/run-command.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { TINY_MODELS, tinyCatalogue } from '../support/tiny-models.js';
import { repositoryPath } from '../support/child-processes.js';

jest.setTimeout(600_000);
afterAll(cleanUp);

/** Characters that URLs, globs, shells, webpack and Windows' code pages interpret or change. */
const ODD = "odd #1 100%25 ä?x [a]{b} !it's";

/** The files from which a clone is built and run. */
function partsOfClone(): string[] {
  const text = readFileSync(repositoryPath('tsconfig.json'), 'utf8');
  const { include } = z.object({ include: z.array(z.string()) }).parse(JSON.parse(text));
  const rooms = include.filter((room) => room !== 'test');
  const recipe = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts'];
  return [...rooms, ...recipe, 'bin', 'examples', 'node_modules'];
}

/** Copies a tree, as hard links if the file system allows them. */
function link(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) link(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkFile(source, target);
  }
}

function linkFile(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}

test('a clone, its data, its models and their catalogue work in folders of odd names', async () => {
  const odd = join(folderWith(), ODD);
  const clone = join(odd, 'panic-tda');
  mkdirSync(clone, { recursive: true });
  for (const part of partsOfClone()) {
    const [from, to] = [repositoryPath(part), join(clone, part)];
    if (part.endsWith('.json')) linkFile(from, to);
    else link(from, to);
  }
  const built = await runCommand(process.execPath, [join(clone, 'scripts', 'build.mjs')], {
    timeoutMs: 300_000,
    env: wholeEnvironment({ NODE_OPTIONS: undefined }),
  });
  expect(built).toMatchObject({ code: 0, output: 'building\n' });

  const fixtures = join(odd, 'fixtures');
  for (const kind of ['diffusion/sd', 'captioners/smolvlm-tiny', 'embedders/mpnet', 'embedders/dinov2']) {
    link(repositoryPath(`test/fixtures/${kind}`), join(fixtures, kind));
  }
  const [catalogue, file] = [join(odd, 'my models.json'), join(odd, 'loop #2.json')];
  writeFileSync(catalogue, JSON.stringify(tinyCatalogue(fixtures)));
  const networks = [
    ['TinyPainter', 'TinyCaptioner'],
    ['ShapesPainter', 'ShapesCaptioner'],
  ];
  const sizes = { prompts: ['a red fox'], seeds: [3], max_length: 4 };
  writeFileSync(file, JSON.stringify({ networks, ...sizes, embedding_models: ['TinyWords', 'TinyLooks'] }));

  const env = {
    PANIC_TDA_CATALOGUE: catalogue,
    PANIC_TDA_MODELS: join(odd, 'models'),
    PANIC_TDA_DATA: join(odd, 'data'),
    PANIC_TDA_DEVICE: 'cpu',
  };
  const ourCommand = (...words: readonly string[]) =>
    panicTda(odd, words, env, join(clone, 'bin', 'panic-tda.mjs'));
  expect(await ourCommand('models', 'verify', ...TINY_MODELS)).toMatchObject({ code: 0 });
  const run = await ourCommand('run', file, '--json');
  expect(run).toMatchObject({ code: 0 });
  expect(JSON.parse(run.stdout)).toMatchObject({ runs: { finished: 2 }, diagrams: 4 });
  const { experiment } = z.object({ experiment: z.string() }).parse(JSON.parse(run.stdout));
  const verified = await ourCommand('verify', experiment, '--sample', '100%', '--json');
  expect(JSON.parse(verified.stdout)).toMatchObject({ different: 0 });
  expect(await ourCommand('doctor', '--deep')).toMatchObject({ code: 0 });
});
