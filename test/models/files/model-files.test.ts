/** @jest-environment ./test/models/native-arrays-environment.mjs */
import {
  appendFileSync,
  cpSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EmbeddingModel, ModelSettings } from '../../../experiment/model.js';
import { loadImageEmbedder } from '../../../models/embedders/image-embedder.js';
import { loadTextEmbedder } from '../../../models/embedders/text-embedder.js';
import { filesIn } from '../../../models/files/layout.js';
import {
  FilesChanged,
  type ModelFiles,
  MOST_BYTES_READ,
  openFolder,
} from '../../../models/files/model-files.js';
import { resolveUnlocked } from '../../../models/files/resolve.js';
import { loadVerified } from '../../../models/runners/load-verified.js';
import { createModelPool } from '../../../models/index.js';
import { throughLibrary } from '../../../models/library-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { captionerIn, captions, fixtures as captioners, fp32 } from '../captions/tiny-models.js';
import {
  fixtures as painters,
  modelOf as painterOf,
  paint,
  readFixture,
  settingsOf,
} from '../diffusion/fixtures.js';
import { noiseSource } from '../../../models/diffusion/noise/create-noise.js';
import { modelOf, own } from '../embedder-fixtures.js';
import { sha256 } from '../../support/hub-server.js';
import { externalTensor, model as graphOf, node, tableModel, tinyGraph } from '../../support/onnx-bytes.js';

/*
 * Files beside the verified ones that settings, configurations and graphs name. Before the fix, each was opened
 * without a hash.
 */

const settings = {
  file: 'model.onnx',
  dtype: 'fp32',
  max_tokens: 24,
  output: 'last_hidden_state',
  pooling: 'mean',
  normalize: true,
} satisfies ModelSettings;

let folder: string;

/** A copy of a tiny model, with an entry that lists some of its files, or all files except some. */
async function opened(
  name: string,
  input: 'text' | 'image',
  { without = [], more = {} }: { readonly without?: readonly string[]; readonly more?: ModelSettings } = {},
): Promise<{ model: EmbeddingModel; files: ModelFiles; device: 'cpu' }> {
  cpSync(join(own, name), folder, { recursive: true });
  const listed = filesIn(folder).filter((file) => !without.includes(file));
  const { max_tokens, ...forPictures } = settings;
  const given = input === 'text' ? { ...forPictures, max_tokens } : { ...forPictures, pooling: 'cls' };
  const model = modelOf({
    folder,
    input,
    dimension: 32,
    settings: { ...given, ...more },
    files: listed,
  });
  return { model, files: await openFolder(model, folder), device: 'cpu' };
}

beforeEach(() => {
  folder = temporaryFolder();
});

const unlisted = (file: string) => ({
  kind: 'InvalidInput',
  message: expect.stringContaining(`needs the file ${file}, which is not among the files`) as unknown,
});

test('an endless vocabulary is not read into memory', async () => {
  const task = await opened('mpnet', 'text');
  truncateSync(join(folder, 'tokenizer.json'), MOST_BYTES_READ + 1);
  const files = await openFolder(task.model, folder);
  await expect(loadTextEmbedder({ ...task, files })).rejects.toMatchObject({
    kind: 'ResourceLimit',
    message: expect.stringMatching(/tokenizer\.json has 129 MiB; files of at most 128 MiB/) as unknown,
  });
});

describe('a file that the entry does not list is not opened, though it exists', () => {
  test.each(['tokenizer.json', 'tokenizer_config.json', 'model.onnx'])(
    '%s of a text embedder',
    async (file) => {
      const task = await opened('mpnet', 'text', { without: [file] });
      await expect(loadTextEmbedder(task)).rejects.toMatchObject(unlisted(file));
    },
  );

  test('preprocessor_config.json of an image embedder, which a library reads', async () => {
    const task = await opened('dinov2', 'image', { without: ['preprocessor_config.json'] });
    await expect(loadImageEmbedder(task)).rejects.toMatchObject(unlisted('preprocessor_config.json'));
  });

  test.each(['../other/model.onnx', 'hidden.onnx'])('%s, which the settings name', async (file) => {
    const task = await opened('mpnet', 'text', { more: { file }, without: ['hidden.onnx'] });
    writeFileSync(join(folder, 'hidden.onnx'), readFileSync(join(folder, 'model.onnx')));
    await expect(loadTextEmbedder(task)).rejects.toMatchObject(unlisted(file));
  });

  test('config.json, whose values have no effect', async () => {
    const task = await opened('mpnet', 'text', { without: ['config.json'] });
    writeFileSync(join(folder, 'config.json'), '{"max_position_embeddings": 1}');
    const { fingerprint } = await loadTextEmbedder(task);
    expect(Object.keys(fingerprint.files).sort()).toEqual(task.files.listed.toSorted());
    expect(fingerprint.files).not.toHaveProperty('config.json');
  });

  test('the decoder that the setting vae names', async () => {
    cpSync(join(painters, 'sd'), folder, { recursive: true });
    const fixture = readFixture(join(painters, 'sd'));
    const asked = {
      ...settingsOf(fixture, fixture.cases[0]!),
      vae: 'other/model.onnx',
      vae_scaling_factor: 1,
    };
    const model = painterOf(folder, asked);
    cpSync(join(painters, 'half-decoder'), join(folder, 'other'), { recursive: true });
    expect(model.weights!.files).not.toContain('other/model.onnx');
    const { loadTextToImage } = await import('../../../models/diffusion/text-to-image.js');
    const task = { model, files: await openFolder(model, folder), device: 'cpu' as const };
    await expect(loadTextToImage(task)).rejects.toMatchObject(unlisted('other/model.onnx'));
    // Where the entry lists it, the loader opens it, as its neighbours.
    const picture = await paint(folder, asked, 'a red cat', noiseSource('cpu', 1));
    expect(picture.dims[1]).toBe(3);
  });

  test('generation_config.json, config.json and a chat template of a captioner', async () => {
    cpSync(join(captioners, 'smolvlm-tiny'), folder, { recursive: true });
    const smol = {
      family: 'smolvlm',
      prompt: 'What is it?',
      max_new_tokens: 4,
      image_splitting: false,
      ...fp32('vision_encoder', 'embed_tokens', 'decoder_model_merged'),
    };
    const whole = captionerIn(folder, smol);
    const without = (file: string) => ({
      ...whole,
      weights: { ...whole.weights, files: whole.weights.files.filter((path) => path !== file) },
    });
    writeFileSync(join(folder, 'generation_config.json'), 'no JSON');
    const heard = await captions(without('generation_config.json'), folder, [
      [{ width: 32, height: 32, seed: 0 }],
    ]);
    expect(heard).toMatchObject({ answers: [[expect.any(String)]] });
    expect('fingerprint' in heard && heard.fingerprint.files).not.toHaveProperty('generation_config.json');
    expect(await captions(whole, folder, [])).toMatchObject({
      error: {
        kind: 'ModelFilesMissing',
        message: expect.stringMatching(/generation_config\.json is no JSON/),
      },
    });
    cpSync(join(captioners, 'smolvlm-tiny'), folder, { recursive: true });
    // A library decides by config.json which graphs it opens.
    const config: object = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, is_encoder_decoder: true }));
    writeFileSync(join(folder, 'onnx/encoder_model.onnx'), tinyGraph);
    expect(await captions(whole, folder, [])).toMatchObject({ error: unlisted('onnx/encoder_model.onnx') });
    cpSync(join(captioners, 'smolvlm-tiny'), folder, { recursive: true });
    for (const file of ['config.json', 'chat_template.jinja']) {
      expect(await captions(without(file), folder, [])).toMatchObject({ error: unlisted(file) });
    }
  });
});

test('transformers.js reads the listed files only, and no folder, cache or network', async () => {
  const { files } = await opened('dinov2', 'image', { without: ['config.json'] });
  const { AutoConfig, AutoImageProcessor } = await import('@huggingface/transformers');
  const names = [folder, `${folder}/`, '../../etc', 'owner/name'];
  for (const name of names) {
    await expect(AutoImageProcessor.from_pretrained(name, {})).rejects.toThrow();
  }
  await throughLibrary(files, [], async (name) => {
    await expect(AutoConfig.from_pretrained(name, {})).rejects.toThrow(/config\.json/);
    await expect(AutoImageProcessor.from_pretrained(name, {})).resolves.toBeDefined();
    await expect(AutoImageProcessor.from_pretrained(`${name}/../${name}`, {})).rejects.toThrow();
  });
});

/** Files of a model with one graph. `listed` names the files beside it that the entry lists. */
async function graphFiles(graph: Buffer, listed: readonly string[] = ['model.onnx']): Promise<ModelFiles> {
  writeFileSync(join(folder, 'model.onnx'), graph);
  const model = modelOf({ folder, input: 'text', dimension: 3, settings, files: listed });
  return await openFolder(model, folder);
}

describe('a graph is checked before the runtime opens it', () => {
  test.each(['secret', '../secret', '/etc/passwd', '*/_ORT_MEM_ADDR_/*'])(
    'and refused where it keeps weights in %j, which the entry does not list',
    async (location) => {
      writeFileSync(join(folder, 'secret'), 'mine');
      const files = await graphFiles(graphOf([node('Add')], [externalTensor(location)]));
      expect(() => files.graph('model.onnx')).toThrow(/keeps weights in/);
    },
  );

  test('and refused where it has operators from elsewhere, or runs the content of another file', async () => {
    const sneak = await graphFiles(graphOf([node('Sneak', 'my.ops')]));
    expect(() => sneak.graph('model.onnx')).toThrow(/custom operators are off/);
    const context = await graphFiles(graphOf([node('EPContext', 'com.microsoft')]));
    expect(() => context.graph('model.onnx')).toThrow(/EPContext, which runs what another file holds/);
  });

  test('and refused where its name would make the runtime read another format', async () => {
    writeFileSync(join(folder, 'model.ort'), tinyGraph);
    const files = await graphFiles(tinyGraph, ['model.onnx', 'model.ort']);
    expect(files.graph('model.onnx')).toBe(join(folder, 'model.onnx'));
    expect(() => files.graph('model.ort')).toThrow(/the name of one ends with \.onnx/);
  });
});

const other = (): void => writeFileSync(join(folder, 'new'), Buffer.alloc(tinyGraph.length, 'x'));

describe('the fingerprint is that of the loaded bytes', () => {
  test('and has the hash of every listed file', async () => {
    const task = await opened('mpnet', 'text');
    const { fingerprint } = await loadTextEmbedder(task);
    for (const file of filesIn(folder))
      expect(fingerprint.files[file]).toBe(sha256(readFileSync(join(folder, file))));
    expect(Object.keys(fingerprint.files)).toHaveLength(filesIn(folder).length);
  });

  test('so that nothing is opened after it', async () => {
    const files = await graphFiles(tinyGraph);
    files.seal();
    await expect(files.text('model.onnx')).rejects.toThrow(/after its fingerprint/);
    expect(() => files.graph('model.onnx')).toThrow(/after its fingerprint/);
  });

  test.each<[string, () => void]>([
    ['written to', () => appendFileSync(join(folder, 'model.onnx'), 'x')],
    [
      'written to with the same bytes',
      () => writeFileSync(join(folder, 'model.onnx'), readFileSync(join(folder, 'model.onnx'))),
    ],
    [
      'replaced',
      () => {
        other();
        renameSync(join(folder, 'new'), join(folder, 'model.onnx'));
      },
    ],
    [
      'removed and put back',
      () => {
        linkSync(join(folder, 'model.onnx'), join(folder, 'kept'));
        other();
        renameSync(join(folder, 'new'), join(folder, 'model.onnx'));
        renameSync(join(folder, 'kept'), join(folder, 'model.onnx'));
      },
    ],
    [
      'replaced by a link out of the folder',
      () => {
        const outside = join(temporaryFolder(), 'model.onnx');
        renameSync(join(folder, 'model.onnx'), outside);
        symlinkSync(outside, join(folder, 'model.onnx'));
      },
    ],
  ])('and refused where a file was %s meanwhile', async (_, touch) => {
    const files = await graphFiles(tinyGraph);
    files.graph('model.onnx');
    touch();
    expect(() => files.seal()).toThrow(/has changed since it was verified|is a link to/);
  });

  test('and what is read as bytes is hashed as it is read', async () => {
    const task = await opened('mpnet', 'text');
    const config = readFileSync(join(folder, 'tokenizer_config.json'), 'utf8');
    writeFileSync(join(folder, 'tokenizer_config.json'), config.replace('{', '{ '));
    await expect(loadTextEmbedder(task)).rejects.toBeInstanceOf(FilesChanged);
    rmSync(join(folder, 'tokenizer_config.json'));
  });

  test('and the library cannot hide that a file has changed', async () => {
    const task = await opened('dinov2', 'image');
    appendFileSync(join(folder, 'preprocessor_config.json'), ' ');
    await expect(loadImageEmbedder(task)).rejects.toBeInstanceOf(FilesChanged);
  });

  test.each([1, 3])(
    'and a model whose files are touched meanwhile %d times is verified and loaded again',
    async (times) => {
      const task = await opened('mpnet', 'text');
      let found = 0;
      const loading = loadVerified(task, async () => {
        const files = await resolveUnlocked(task.model, folder);
        if (found++ < times) linkSync(join(folder, 'model.onnx'), join(folder, `name-${found}`));
        return files;
      });
      if (times === 1) await expect(loading).resolves.toMatchObject({ loaded: { kind: 'embedding' } });
      else await expect(loading).rejects.toBeInstanceOf(FilesChanged);
      expect(found).toBe(Math.min(times + 1, 3));
    },
  );

  test('and an answer that a process computes after a write to its files is discarded; the next process has the fingerprint of the new bytes', async () => {
    const rows = 2000;
    const floats = (value: number): Uint8Array =>
      new Uint8Array(new Float32Array(rows * 32).fill(value).buffer);
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      cpSync(join(own, 'mpnet', file), join(folder, file));
    writeFileSync(join(folder, 'model.onnx'), tableModel(rows, 32, 'data.bin'));
    writeFileSync(join(folder, 'data.bin'), floats(1));
    const entry = {
      ...modelOf({
        folder,
        input: 'text',
        dimension: 32,
        settings: { ...settings, output: 'rows', normalize: false },
      }),
      name: 'Table',
      weights: { files: filesIn(folder), memory_mib: 50 },
    };
    const catalogueFile = join(temporaryFolder(), 'catalogue.json');
    writeFileSync(catalogueFile, JSON.stringify({ models: [entry] }));
    const pool = await createModelPool({
      modelsFolder: temporaryFolder(),
      catalogueFile,
      folders: { Table: folder },
      devices: { device: 'cpu' },
    });
    const ask = () => pool.embed('Table', [{ modality: 'text', text: 'a' }]);
    try {
      const before = await ask();
      // In place, as a copy over it writes: the runtime has mapped this file.
      writeFileSync(join(folder, 'data.bin'), floats(2));
      await expect(ask()).rejects.toMatchObject({
        kind: 'DeviceError',
        message: expect.stringMatching(
          /what was computed is thrown away: .*data\.bin has changed/,
        ) as unknown,
      });
      const after = await ask();
      expect([before.vectors[0]![0], after.vectors[0]![0]]).toEqual([1, 2]);
      expect(before.fingerprint.files['data.bin']).toBe(sha256(floats(1)));
      expect(after.fingerprint.files['data.bin']).toBe(sha256(floats(2)));
    } finally {
      await pool.close();
    }
  });
});
