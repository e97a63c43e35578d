import { describe, expect, test } from '@jest/globals';
import type { ImageArtifact } from '../../experiment/artifact.js';
import { describePattern } from '../../models/pattern/describer.js';
import { describeProcedural } from '../../models/procedural/describer.js';
import { paintScene } from '../../models/procedural/paint-scene.js';
import { readPrompt } from '../../models/procedural/read-prompt.js';
import { differences } from '../../models/procedural/scene.js';
import { THEMES } from '../../models/procedural/themes.js';
import { hashText, Random } from '../../models/random.js';
import { pictureOf, type Rgb } from './pictures.js';

const WHITE: Rgb = [255, 255, 255];
const RED: Rgb = [210, 30, 30];
const BLUE: Rgb = [40, 80, 200];
const NAVY: Rgb = [20, 30, 80];
const YELLOW: Rgb = [250, 210, 40];
const GREEN: Rgb = [60, 150, 80];

const isNear = (x: number, y: number, centreX: number, centreY: number, radius: number): boolean =>
  (x - centreX) ** 2 + (y - centreY) ** 2 < radius ** 2;

/** Descriptions of one picture by several seeds. Each may leave something out. */
function captions(picture: ImageArtifact): string[] {
  return Array.from({ length: 8 }, (_, seed) => describeProcedural(picture, seed).text);
}

const say = (colourAt: (x: number, y: number) => Rgb): string =>
  describePattern(pictureOf(256, colourAt), 1).text;

const odd = (value: number): boolean => (Math.floor(value) & 1) === 1;

describe('the procedural describer, on pictures painted by hand', () => {
  test('names a red disc on white', () => {
    const disc = pictureOf(256, (x, y) => (isNear(x, y, 128, 128, 60) ? RED : WHITE));
    for (const caption of captions(disc)) expect(caption).toBe('a large red circle on a white background');
  });

  test('counts things, and says which is above which', () => {
    const picture = pictureOf(256, (x, y) => {
      if ([50, 128, 206].some((centre) => isNear(x, y, centre, 60, 24))) return RED;
      return Math.abs(x - 128) < 45 && Math.abs(y - 180) < 45 ? BLUE : WHITE;
    });
    expect(captions(picture)).toContain('a large blue square below three red circles on a white background');
  });

  test('says which thing is inside which, whatever the size of the picture', () => {
    for (const side of [64, 200, 512]) {
      const unit = side / 256;
      const picture = pictureOf(side, (x, y) => {
        if (isNear(x, y, 128 * unit, 128 * unit, 30 * unit)) return YELLOW;
        return Math.abs(x - 128 * unit) < 80 * unit && Math.abs(y - 128 * unit) < 80 * unit ? BLUE : WHITE;
      });
      expect(captions(picture)).toContain('a yellow circle inside a large blue square on a white background');
    }
  });

  test('distinguishes a horizon, stripes and dots from things', () => {
    const horizon = pictureOf(256, (x, y) => (isNear(x, y, 128, 70, 40) ? YELLOW : y > 180 ? GREEN : NAVY));
    expect(captions(horizon)).toContain('a large yellow circle on a dark blue background with green ground');
    const stripes = pictureOf(256, (x) => (Math.floor(x / 20) % 2 === 0 ? WHITE : RED));
    expect(captions(stripes)).toContain('upright stripes of white and red');
    const dots = pictureOf(256, (x, y) => (isNear(x % 40, y % 40, 20, 20, 6) ? YELLOW : NAVY));
    expect(captions(dots)).toContain('yellow dots on a dark blue background');
  });

  test('describes an empty picture', () => {
    expect(captions(pictureOf(256, () => GREEN))[0]).toBe('a plain green picture');
  });

  test("reads the painter's scenes back correctly, except for slips", () => {
    let same = 0;
    let told = 0;
    for (const scene of THEMES) {
      for (let seed = 0; seed < 5; seed++) {
        const picture = paintScene(scene, new Random(hashText('scene', seed)));
        const said = readPrompt(describeProcedural(picture, seed).text).scene;
        told++;
        if (differences(said, scene).length === 0) same++;
      }
    }
    expect(same / told).toBeGreaterThan(0.8);
  });
});

describe('the pattern describer, on pictures painted by hand', () => {
  test('distinguishes stripes, checks, dots, rings and waves', () => {
    expect(say((_, y) => (odd(y / 16) ? BLUE : WHITE))).toContain('even level stripes of cobalt and ivory');
    expect(say((x) => (odd(x / 32) ? RED : WHITE))).toContain('broad upright stripes of crimson and ivory');
    expect(say((x, y) => (odd((x + y) / 20) ? RED : WHITE))).toContain(
      'slanting stripes of crimson and ivory',
    );
    expect(say((x, y) => (odd(x / 32) === odd(y / 32) ? RED : WHITE))).toContain(
      'broad checks of crimson and ivory',
    );
    expect(say((x, y) => (isNear(x % 32, y % 32, 16, 16, 9) ? YELLOW : NAVY))).toContain(
      'even dots, golden on navy',
    );
    expect(say((x, y) => (odd(Math.hypot(x - 127.5, y - 127.5) / 18) ? RED : WHITE))).toContain(
      'rings within rings, crimson and ivory',
    );
    expect(say((x, y) => (odd((y + 12 * Math.sin(x / 12)) / 16) ? BLUE : WHITE))).toContain(
      'waves of cobalt and ivory',
    );
    expect(say(() => GREEN)).toContain('nothing but emerald');
  });
});
