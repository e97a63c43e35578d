/** @jest-environment ./test/support/native-arrays.mjs */
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { noiseSource } from '../../../models/diffusion/noise/noise-source.js';
import { loadTextToImage } from '../../../models/diffusion/text-to-image.js';
import {
  floats,
  largestDifference,
  modelOf,
  paintUnit,
  present,
  readFixture,
  settingsOf,
} from './fixtures.js';

const shared = join(import.meta.dirname, '../../../../shared/model-fixtures');
const names = ['sd-turbo-tiny', 'sdxl-turbo-tiny', 'sd-lcm-tiny'].filter((name) =>
  present(join(shared, name)),
);

(names.length > 0 ? describe.each(names) : describe.skip.each(['tiny models']))(
  '%s (skipped where ../shared/model-fixtures lacks it)',
  (name) => {
    const folder = join(shared, name);
    const fixture = readFixture(folder);

    test.each(fixture.cases)(
      '$num_inference_steps steps, guidance $guidance_scale: the values of diffusers',
      async (one) => {
        const settings = settingsOf(fixture, one);
        const noise = noiseSource('cpu', fixture.seed);
        const values = await paintUnit(folder, settings, fixture.prompt, noise);
        expect(largestDifference(values, floats(one.image_ort))).toBeLessThan(1e-5);

        const loaded = await loadTextToImage({ model: modelOf(folder, settings), folder, device: 'cpu' });
        const items = [{ input: { modality: 'text', text: fixture.prompt }, seed: fixture.seed } as const];
        const [answer] = await loaded.generate(items);
        if (answer === undefined || !('output' in answer) || answer.output.modality !== 'image') {
          throw new Error(JSON.stringify(answer));
        }
        const levels = floats(one.image_ort).map((value) => value * 255);
        expect(largestDifference(answer.output.pixels, levels)).toBeLessThan(0.51);
      },
    );
  },
);
