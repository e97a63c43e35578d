/** @jest-environment ./test/models/native-arrays-environment.mjs */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { GenerativeModel, Model } from '../../experiment/model.js';
import { noiseSource } from '../../models/diffusion/noise/create-noise.js';
import { ModelFolder } from '../../models/diffusion/model-folder.js';
import { toArtifact } from '../../models/diffusion/picture.js';
import { textToImageSettings } from '../../models/diffusion/settings.js';
import { loadPipeline } from '../../models/diffusion/text-to-image.js';
import { openModelFiles } from '../../models/files/model-files.js';
import { catalogue, readinessOf, resolveModelFiles, verifyModel } from '../../models/index.js';
import { readCatalogue } from '../../models/catalogue.js';
import { NO_LOCK, pinnedModel } from '../../models/files/lock.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { captions } from './captions/tiny-models.js';

const fixtures = join(import.meta.dirname, '../fixtures/trained-loop');

function readFixture(name: string): string {
  return readFileSync(join(fixtures, name), 'utf8');
}

function generative(name: string): GenerativeModel {
  const model = catalogue.get(name);
  if (model?.kind !== 'generative') throw new Error(`${name} is no generative model of the catalogue`);
  return model;
}

const painter = generative('ShapesPainter');
if (painter.loader !== 'text-to-image') throw new Error('ShapesPainter is no painter');
const captioner = generative('ShapesCaptioner');
const painterFiles = await resolveModelFiles(painter, temporaryFolder());
const { folder: captionerFolder } = await resolveModelFiles(captioner, temporaryFolder());

describe('the trained models that come with the program', () => {
  const {
    cases,
  }: {
    cases: readonly { prompt: string; seed: number; pixels_b64: string }[];
  } = JSON.parse(readFixture('expected-t2i.json'));

  // Made with diffusers from the weights before their export, with noise of torch's CPU generator.
  test.each(cases)(
    'paint "$prompt" as diffusers does, value by value',
    async ({ prompt, seed, pixels_b64 }) => {
      const settings = textToImageSettings.parse({ ...painter.settings, noise: 'cpu' });
      const files = openModelFiles(painter, painterFiles);
      const pipeline = await loadPipeline(
        new ModelFolder({ model: painter, files, device: 'cpu' }),
        settings,
      );
      const { picture } = await pipeline.paint(prompt, noiseSource('cpu', seed));
      const { pixels } = toArtifact(picture, settings.width, settings.height);
      expect(Buffer.from(pixels).equals(Buffer.from(pixels_b64, 'base64'))).toBe(true);
    },
  );

  test('caption pictures word for word as transformers does', async () => {
    const expected: readonly { file: string; caption: string }[] = JSON.parse(
      readFixture('expected-cap.json'),
    );
    expect(expected).toHaveLength(40);
    const batch = expected.map(({ file }) => ({ file: join(fixtures, file), seed: 0 }));
    const given = await captions(captioner, captionerFolder, [batch]);
    expect(given).toMatchObject({ answers: [expected.map(({ caption }) => caption)] });
  });
});

describe('files that are part of the program', () => {
  const packaged = [...catalogue.values()].filter(({ source }) => source.startsWith('package:'));

  test('are ready without a download or a lock file, and match the catalogue', async () => {
    expect(packaged.map(({ name }) => name)).toEqual(['ShapesPainter', 'ShapesCaptioner']);
    const nowhere = join(temporaryFolder(), 'models');
    for (const model of packaged) {
      expect(readinessOf(model, nowhere)).toMatchObject({ state: 'ready' });
      const { ok, files } = await verifyModel(model, nowhere);
      expect(files.map(({ state }) => state)).toEqual(files.map(() => 'ok'));
      expect(ok).toBe(true);
      // The same on every machine: the source names no folder of a machine, and the revision is a digest of the
      // files.
      expect(model.revision).toMatch(/^files:[0-9a-f]{40}$/);
      expect((await readCatalogue({ modelsFolder: nowhere })).catalogue.get(model.name)).toEqual(model);
    }
  });

  test('that were changed are refused, with a remedy', async () => {
    const { weights } = painter;
    const path = 'unet/config.json';
    const other: Model = {
      ...painter,
      weights: {
        ...weights,
        known: { ...weights.known, [path]: { ...weights.known![path], sha256: 'a'.repeat(64) } },
      },
    };
    const refused = resolveModelFiles(pinnedModel(other, NO_LOCK), temporaryFolder());
    await expect(refused).rejects.toMatchObject({
      kind: 'ModelFilesMissing',
      message: expect.stringMatching(
        /unet\/config\.json is not the file of ShapesPainter.*npm run build/,
      ) as unknown,
    });
  });
});
