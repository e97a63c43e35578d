import { describe, expect, test } from '@jest/globals';
import { COLOUR_GRADIENT_DIMENSION, embedColourGradient } from '../../models/colour-gradient.js';
import { embedHashedNgrams } from '../../models/hashed-ngram.js';
import { cosine, pictureOf } from './pictures.js';

const embedText = (text: string): Float32Array => embedHashedNgrams(text, 768);

const stripes = (width: number, red: number) =>
  pictureOf(128, (x) => (Math.floor(x / width) % 2 === 0 ? [red, 40, 40] : [240, 240, 240]));

describe('hashed n-grams', () => {
  test('texts that share more words have nearer vectors', () => {
    const red = embedText('three red circles above a large blue square');
    const reordered = cosine(red, embedText('a large blue square below three red circles'));
    const recoloured = cosine(red, embedText('three green triangles above a large brown bar'));
    const other = cosine(red, embedText('quiet velvet harbour'));
    expect(reordered).toBeGreaterThan(recoloured);
    expect(recoloured).toBeGreaterThan(other);
    expect(reordered).toBeGreaterThan(0.7);
    expect(Math.abs(other)).toBeLessThan(0.2);
  });

  test('parts of words count; upper case and punctuation do not', () => {
    expect(cosine(embedText('triangle'), embedText('triangles'))).toBeGreaterThan(0.4);
    expect(embedText('A red, RED circle!')).toEqual(embedText('a red red circle'));
  });
});

describe('colours and gradients', () => {
  const embed = embedColourGradient;

  test('pictures that look alike are nearer than those that differ in colour or direction', () => {
    const picture = embed(stripes(16, 200));
    const alike = cosine(picture, embed(stripes(16, 210)));
    const turned = cosine(
      picture,
      embed(pictureOf(128, (_, y) => (Math.floor(y / 16) % 2 === 0 ? [200, 40, 40] : [240, 240, 240]))),
    );
    const recoloured = cosine(
      picture,
      embed(pictureOf(128, (x) => (Math.floor(x / 16) % 2 === 0 ? [20, 60, 200] : [10, 10, 10]))),
    );
    expect(alike).toBeGreaterThan(0.98);
    expect(turned).toBeLessThan(alike);
    expect(recoloured).toBeLessThan(alike);
  });

  test('a picture without edges has a vector, and size does not matter', () => {
    const plain = embed(pictureOf(3, () => [10, 200, 30]));
    expect(plain).toHaveLength(COLOUR_GRADIENT_DIMENSION);
    expect(plain).toEqual(embed(pictureOf(400, () => [10, 200, 30])));
  });
});
