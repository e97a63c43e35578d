import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMIT, HubServer } from '../support/hub-server.js';
import { tinyGraph } from '../support/onnx-bytes.js';
import { cleanUp, folderWith, startPanicTda, until, type Ended } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { TINY_ENTRY } from '../support/tiny-entry.js';

const weights = Buffer.alloc(3_000_000, 'weights of the model ');
const TOKEN = 'hf_secret-of-the-test';

const entry = {
  ...TINY_ENTRY,
  revision: 'main',
  weights: { files: ['config.json', 'model.onnx', 'model.onnx_data'], memory_mib: 1 },
};
const experiment = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a'],
  seeds: [1],
  embedding_models: ['Tiny'],
  max_length: 2,
};

const hub = new HubServer({
  'owner/tiny': {
    'config.json': { bytes: Buffer.from('{}') },
    'model.onnx': { bytes: tinyGraph },
    'model.onnx_data': { bytes: weights, large: true },
  },
});
let folder: string;
let models: string;

beforeAll(() => hub.start());
afterAll(() => hub.stop());
afterAll(cleanUp);
beforeEach(() => {
  folder = folderWith();
  models = join(folder, 'models');
  writeFileSync(join(folder, 'mine.json'), JSON.stringify({ models: [entry] }));
  writeFileSync(join(folder, 'experiment.json'), JSON.stringify(experiment));
});
afterEach(() => {
  hub.seen.length = 0;
  Object.assign(hub.mischief, { gated: null, slowly: false });
});

function settings(): Record<string, string> {
  return {
    PANIC_TDA_MODELS: models,
    PANIC_TDA_CATALOGUE: 'mine.json',
    HF_ENDPOINT: hub.endpoint,
    HF_TOKEN: TOKEN,
  };
}

function run(...args: readonly string[]): Promise<Ended> {
  return runCommand(folder, args, settings());
}

describe('models pull', () => {
  test('gets the files, and models path, show, verify and remove know them', async () => {
    const pulled = await run('models', 'pull', 'Tiny');
    const there = join(models, `owner/tiny@${COMMIT}`);
    expect(pulled).toMatchObject({ code: 0, stdout: expect.stringContaining(there) as unknown });
    // Without a terminal, the output has plain lines.
    expect(pulled.stderr).toMatch(/Tiny model\.onnx_data: 2\.9 MiB of 2\.9 MiB/);
    expect(pulled.stderr + pulled.stdout).not.toContain(TOKEN);
    expect(await run('models', 'path', 'Tiny')).toMatchObject({ code: 0, stdout: `${there}\n` });
    expect((await run('models', 'show', 'Tiny')).stdout).toMatch(new RegExp(`pulled, ${COMMIT}`));

    writeFileSync(join(there, 'config.json'), '[]');
    const changed = await run('models', 'verify');
    expect(changed.stdout).toMatch(/CHANGED +config\.json/);
    expect(changed).toMatchObject({ code: 1, stdout: expect.stringMatching(/models pull Tiny/) as unknown });
    expect(await run('models', 'pull', 'Tiny')).toMatchObject({ code: 0 });
    expect(await run('models', 'verify', 'Tiny')).toMatchObject({ code: 0 });

    const unasked = await run('models', 'remove', 'Tiny');
    expect(unasked.stderr).toMatch(/remove 3 files of Tiny.*--yes/);
    expect(unasked.code).toBe(2);
    expect(await run('models', 'remove', 'Tiny', '--yes')).toMatchObject({ code: 0 });
    expect(existsSync(there)).toBe(false);
    expect(await run('models', 'path', 'Tiny')).toMatchObject({ code: 1 });
  });

  test('prints one document with --json', async () => {
    const { code, stdout } = await run('models', 'pull', 'Tiny', '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ ok: true, name: 'Tiny', commit: COMMIT }]);
    expect(code).toBe(0);
  });

  test('for a gated model names the page to visit, and ends with 1', async () => {
    hub.mischief.gated = 403;
    const { code, stderr } = await run('models', 'pull', 'Tiny');
    expect(stderr).toContain(`${hub.endpoint}/owner/tiny`);
    expect(stderr).not.toContain(TOKEN);
    expect(code).toBe(1);
  });

  test('ends with 130 at Ctrl-C, and the next pull continues', async () => {
    hub.mischief.slowly = true;
    const running = startPanicTda(folder, ['models', 'pull', 'Tiny'], settings());
    const part = join(models, `owner/tiny@${COMMIT}/model.onnx_data.part`);
    await until(() => existsSync(part) && readFileSync(part).length > 1_000_000);
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(stderr).toMatch(/What has come stays/);
    expect(code).toBe(130);
    hub.mischief.slowly = false;
    expect(await run('models', 'pull', 'Tiny')).toMatchObject({ code: 0 });
    expect(hub.downloads.at(-1)?.range).toMatch(/^bytes=\d{6,}-$/);
  });

  test('for a model without files, or for no model, ends with 2', async () => {
    const builtIn = await run('models', 'pull', 'Dummy');
    expect(builtIn).toMatchObject({ code: 2, stderr: expect.stringMatching(/it needs no files/) as unknown });
    const none = await run('models', 'pull', 'BLIP2');
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/cannot be run.*Instead/) as unknown,
    });
  });
});

const outside = (): string => join(folder, 'outside.txt');

describe('paths that lead out of the models folder', () => {
  test.each(['a\n/../../../../outside.txt', 'a\u2028/../../../../outside.txt', '../../../outside.txt'])(
    'are refused in a catalogue, before pull gets anything: %j',
    async (path) => {
      const wrong = { ...entry, weights: { ...entry.weights, files: [...entry.weights.files, path] } };
      writeFileSync(join(folder, 'mine.json'), JSON.stringify({ models: [wrong] }));
      const { code, stderr } = await run('models', 'pull', 'Tiny');
      expect(stderr).toMatch(
        /models\[0\]\.weights\.files\[3\]: found .*; allowed: a path within the repository/,
      );
      expect(code).toBe(2);
      expect(hub.seen).toEqual([]);
    },
  );

  test('are refused in an edited lock file, and nothing is deleted', async () => {
    expect(await run('models', 'pull', 'Tiny')).toMatchObject({ code: 0 });
    writeFileSync(outside(), 'mine');
    const file = join(models, 'models.lock.json');
    const text = readFileSync(file, 'utf8');
    for (const path of ['../../../outside.txt', 'a\n/../../../../outside.txt']) {
      writeFileSync(file, text.replace('"path": "config.json"', `"path": ${JSON.stringify(path)}`));
      const { code, stderr } = await run('models', 'remove', 'Tiny', '--yes');
      expect(stderr).toMatch(
        /not a lock file of this program's.*models\.Tiny\.files\[0\]\.path.*Move it away/s,
      );
      expect(code).toBe(2);
    }
    expect(readFileSync(outside(), 'utf8')).toBe('mine');
    expect(existsSync(join(models, `owner/tiny@${COMMIT}/config.json`))).toBe(true);
  });

  test('through a link are refused, and nothing is deleted', async () => {
    expect(await run('models', 'pull', 'Tiny')).toMatchObject({ code: 0 });
    const there = join(models, `owner/tiny@${COMMIT}`);
    writeFileSync(outside(), '{}');
    rmSync(join(there, 'config.json'));
    symlinkSync(outside(), join(there, 'config.json'));
    const verified = await run('models', 'verify', 'Tiny');
    expect(verified).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/config\.json is a link to .*outside\.txt, out of the folder/) as unknown,
    });
    expect(await run('models', 'remove', 'Tiny', '--yes')).toMatchObject({ code: 0 });
    expect(readFileSync(outside(), 'utf8')).toBe('{}');
    expect(existsSync(there)).toBe(false);
  });
});

test('a file that was changed with its time restored is found, marked, and pulled again', async () => {
  expect(await run('models', 'pull', 'Tiny')).toMatchObject({ code: 0 });
  const file = join(models, `owner/tiny@${COMMIT}/model.onnx_data`);
  const time = join(folder, 'time');
  execFileSync('touch', ['-r', file, time]);
  writeFileSync(file, Buffer.alloc(weights.length, 'x'));
  execFileSync('touch', ['-r', time, file]);
  expect((await run('models', 'verify', 'Tiny')).stdout).toMatch(/CHANGED +model\.onnx_data/);
  expect((await run('models', 'show', 'Tiny', '--json')).stdout).toMatch(/"state": "changed"/);
  expect(await run('models', 'path', 'Tiny')).toMatchObject({ code: 1 });
  expect((await run('plan', 'experiment.json')).stdout).toMatch(/models pull Tiny/);
  expect(await run('models', 'pull', 'Tiny')).toMatchObject({ code: 0 });
  expect(await run('models', 'path', 'Tiny')).toMatchObject({ code: 0 });
  expect(readFileSync(file).equals(weights)).toBe(true);
});

test('an experiment whose models are missing starts nothing, and the message names the command', async () => {
  const { code, stderr } = await run('run', 'experiment.json');
  expect(stderr).toMatch(/Tiny: these files are missing on this machine\n.*config\.json\n/);
  expect(stderr).toMatch(/Get them with: npx panic-tda models pull Tiny/);
  expect(code).toBe(2);
  expect(readdirSync(folder).sort()).toEqual(['experiment.json', 'mine.json']);
  expect((await run('plan', 'experiment.json')).stdout).toMatch(/models pull Tiny/);
});

describe("a user's catalogue", () => {
  test('with problems ends every command with 2, and doctor names them', async () => {
    writeFileSync(
      join(folder, 'mine.json'),
      JSON.stringify({ models: [{ ...entry, name: 'Dummy', dimension: 0 }] }),
    );
    const { code, stderr } = await run('models', 'list');
    expect(stderr).toMatch(/mine\.json: \d problems?\n {2}models\[0\]\.dimension: found 0/);
    expect(code).toBe(2);
    expect((await run('doctor')).stdout).toMatch(/FAIL .*mine\.json/);
  });

  test('may lie in the models folder', async () => {
    rmSync(join(folder, 'mine.json'));
    const { PANIC_TDA_CATALOGUE: _, ...others } = settings();
    const own = join(folder, 'catalogue.json');
    writeFileSync(own, JSON.stringify({ models: [entry] }));
    const listed = await runCommand(folder, ['models'], { ...others, PANIC_TDA_MODELS: folder });
    expect(listed.stdout).toMatch(/Tiny +embedding +text → 3-d vector +3 of 3 missing/);
  });
});
