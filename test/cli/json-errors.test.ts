import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { describerAt, startModelServer } from '../support/model-server.js';
import { cleanUp, folderWith, runInfo, startPanicTda, until } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

afterAll(cleanUp);

let folder: string;
beforeAll(() => {
  folder = folderWith({
    'half.json': '{ "networks": [',
    'wrong.json': { networks: [], promts: ['a'] },
  });
});

const Told = z.strictObject({
  error: z.strictObject({ kind: z.string(), message: z.string(), exitCode: z.number() }),
});

const Models = z.array(z.looseObject({ name: z.string(), state: z.string() }));

const FAILING = [
  { args: ['run', 'half.json'], kind: 'InvalidInput', told: /half\.json/, code: 2 },
  { args: ['plan', 'wrong.json'], kind: 'InvalidInput', told: /promts/, code: 2 },
  { args: ['show', 'abc'], kind: 'InvalidInput', told: /the data folder .* does not exist/, code: 2 },
  { args: ['models', 'show', 'DumyT2I'], kind: 'InvalidInput', told: /did you mean DummyT2I\?/, code: 2 },
  { args: ['stauts'], kind: 'Usage', told: /^unknown command 'stauts'/, code: 2 },
  { args: ['list', '--jsno'], kind: 'Usage', told: /unknown option '--jsno'/, code: 2 },
  { args: ['show'], kind: 'Usage', told: /missing required argument 'id'/, code: 2 },
  { args: ['cancel', 'abc', '--wait', 'long'], kind: 'Usage', told: /Expected a number of seconds/, code: 2 },
  { args: ['models', 'pull'], kind: 'Usage', told: /missing required argument 'names'/, code: 2 },
  { args: ['models', 'frobnicate', 'x'], kind: 'Usage', told: /too many arguments/, code: 2 },
  { args: ['verify', 'abc', '--sample', 'many'], kind: 'InvalidInput', told: /./, code: 2 },
] as const;

describe('--json prints an error as one document on standard output, and in words on standard error', () => {
  test.each(FAILING)('$args', async ({ args, kind, told, code }) => {
    const ended = await runCommand(folder, [...args, '--json']);
    const document = readJson(ended.stdout, Told);
    expect(document).toEqual({
      error: { kind, message: expect.stringMatching(told) as unknown, exitCode: code },
    });
    expect(ended.code).toBe(code);
    expect(ended.stderr).not.toBe('');
  });

  test('also if --json comes first, but not if it is a word after --', async () => {
    const first = await runCommand(folder, ['show', '--json']);
    expect(readJson(first.stdout, Told).error.kind).toBe('Usage');
    const word = await runCommand(folder, ['show', 'a', 'b', 'c', '--', '--json']);
    expect(word).toMatchObject({ code: 2, stdout: '' });
  });

  test('a command that prints its result and ends with a code other than 0 prints no second document', async () => {
    const { code, stdout } = await runCommand(folder, ['models', 'path', 'SDTurbo', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'SDTurbo', state: 'missing' });
  });

  test('a command that is stopped before it has a result says so', async () => {
    const config = {
      networks: [['SlowT2I', 'SlowI2T']],
      prompts: ['a'],
      seeds: [-1],
      embedding_models: ['Dummy'],
      max_length: 1000,
    };
    const place = folderWith({ 'slow.json': config });
    const run = startPanicTda(place, ['run', 'slow.json', '--json']);
    const data = join(place, 'panic-tda-data');
    await until(
      () => (runInfo(data)?.workerPids?.length ?? 0) > 0,
      () => run.stderr(),
    );
    run.process.kill('SIGTERM');
    const { code, stdout } = await run.ended;
    expect(code).toBe(143);
    expect(readJson(stdout, Told).error).toMatchObject({ kind: 'Stopped', exitCode: 143 });
  });

  test('without --json standard output stays empty', async () => {
    const { code, stdout } = await runCommand(folder, ['show', 'abc']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('models --ready', () => {
  test.each([
    ['models', '--ready'],
    ['models', 'list', '--ready'],
  ])('%s %s lists the models that a run can use now, and no others', async (...args) => {
    const all = readJson((await runCommand(folder, ['models', '--json'])).stdout, Models);
    const ready = readJson((await runCommand(folder, [...args, '--json'])).stdout, Models);
    expect(ready).toEqual(all.filter(({ state }) => ['built-in', 'ready'].includes(state)));
    expect(ready.length).toBeGreaterThan(0);
    expect(ready.length).toBeLessThan(all.length);
    const { stdout } = await runCommand(folder, args);
    expect(stdout).not.toContain('SDTurbo');
    expect(stdout).toMatch(/\d+ more cannot be used yet/);
  });

  test('lists a model behind a server while its server answers, and not when the server is down', async () => {
    const server = await startModelServer();
    const { weights: _, ...entry } = describerAt(server.base, 'image');
    const place = folderWith({ 'mine.json': { models: [entry] } });
    const names = async (): Promise<string[]> => {
      const env = { PANIC_TDA_CATALOGUE: 'mine.json' };
      const { stdout } = await runCommand(place, ['models', '--ready', '--json'], env);
      return readJson(stdout, Models).map(({ name }) => name);
    };
    expect(await names()).toContain('ServedDescriber');
    await server.close();
    expect(await names()).not.toContain('ServedDescriber');
  });

  test('is refused together with the name of a model', async () => {
    expect(await runCommand(folder, ['models', 'SDTurbo', '--ready'])).toMatchObject({ code: 2 });
  });
});
