import * as fc from 'fast-check';
import { persistenceImage, TdaInputError, totalPersistence, type ImageOptions } from '../../tda/index.js';
import { tiedDiagrams } from './arbitrary-diagrams.js';
import { barsOf } from '../support/point-clouds.js';

/** Wide enough around the diagrams of `tiedDiagrams` to hold every Gaussian whole. */
const wide = {
  birthRange: [-10, 20],
  persistenceRange: [-10, 20],
  resolution: [6, 10],
  sigma: 1,
} as const satisfies ImageOptions;
const NONE = new Float32Array(0);

describe('persistence image', () => {
  // Computed with Python 3, math.erfc.
  test.each([
    [-1, 1, 0.6826894921370859],
    [0, 0.5, 0.19146246127401312],
    [-0.25, 3, 0.5973564276512936],
    [1, 2, 0.13590512198327787],
    [2.5, 2.75, 0.003229902090721582],
    [3, 4, 0.0013182267897969757],
    [-6, -5, 2.856649842341569e-7],
    [20, 21, 2.7536241153270536e-89],
  ])('of a bar of length 1 holds the normal distribution from %d to %d', (low, high, expected) => {
    const image = persistenceImage(Float32Array.of(4, 5), {
      birthRange: [4 + low, 4 + high],
      persistenceRange: [-99, 101],
      resolution: [1, 1],
      sigma: 1,
    });
    expect(image).toHaveLength(1);
    expect(Math.abs(image[0]![0]! - expected)).toBeLessThanOrEqual(1e-12 * expected);
  });

  test('has births by row and persistences by column, both ascending', () => {
    const image = persistenceImage(Float32Array.of(0.5, 3), {
      birthRange: [0, 3],
      persistenceRange: [0, 4],
      resolution: [3, 4],
      sigma: 0.01,
    });
    const flat = image.flatMap((row) => [...row].map((value) => Math.round(1000 * value) / 1000));
    expect(flat).toEqual([0, 0, 2.5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('holds the weights of the finite bars', () => {
    fc.assert(
      fc.property(tiedDiagrams(12), fc.constantFrom(0, 1, 2), (diagram, weightPower) => {
        const held = total(persistenceImage(diagram, { ...wide, weightPower }));
        const finite = barsOf(diagram).filter(([, death]) => death < Infinity).length;
        const weights = weightPower === 0 ? finite : totalPersistence(diagram, weightPower);
        expect(Math.abs(held - weights)).toBeLessThanOrEqual(1e-12 * weights);
      }),
    );
  });

  test('of all bars is the sum of the images of each bar', () => {
    fc.assert(
      fc.property(tiedDiagrams(8), fc.constantFrom('integral', 'density'), (diagram, pixelValue) => {
        const options = { ...wide, pixelValue } as const;
        const parts = barsOf(diagram).map((bar) => persistenceImage(Float32Array.from(bar), options));
        const errors = persistenceImage(diagram, options).flatMap((row, k) =>
          [...row].map((value, column) =>
            Math.abs(parts.reduce((rest, part) => rest - part[k]![column]!, value)),
          ),
        );
        expect(Math.max(...errors)).toBeLessThan(1e-12);
      }),
    );
  });

  test('as densities is the image as integrals divided by the area, where pixels are small', () => {
    const options = { ...wide, birthRange: [1, 1.02], persistenceRange: [2, 2.06] } as const;
    const diagram = Float32Array.of(0, 1, 1, 4);
    const integrals = persistenceImage(diagram, options);
    const area = (0.02 / 6) * (0.06 / 10);
    persistenceImage(diagram, { ...options, pixelValue: 'density' }).forEach((row, k) =>
      row.forEach((density, column) => {
        expect(Math.abs(integrals[k]![column]! / area / density - 1)).toBeLessThan(1e-5);
      }),
    );
  });

  test('as densities is the product of two normal densities at the centre', () => {
    const options = { birthRange: [0, 2], persistenceRange: [2, 6], resolution: [1, 1], sigma: 0.5 } as const;
    const [row] = persistenceImage(Float32Array.of(1.5, 4.5), { ...options, pixelValue: 'density' });
    const density = Math.exp(-(0.5 ** 2 + 1 ** 2) / (2 * 0.5 ** 2)) / (2 * Math.PI * 0.5 ** 2);
    expect(row![0]).toBeCloseTo(3 * density, 14);
  });

  test('without finite bars of positive length is 0', () => {
    expect(total(persistenceImage(NONE, wide))).toBe(0);
    expect(total(persistenceImage(Float32Array.of(0, Infinity, 3, 3), { ...wide, weightPower: 0 }))).toBe(0);
  });

  const mistakes: readonly (readonly [Partial<ImageOptions>, string])[] = [
    [{ birthRange: [1, 1] }, 'birthRange is [1, 1]; expected finite numbers in this order'],
    [{ birthRange: [NaN, 1] }, 'birthRange is [NaN, 1]; expected finite numbers in this order'],
    [
      { persistenceRange: [0, Infinity] },
      'persistenceRange is [0, Infinity]; expected finite numbers in this order',
    ],
    [{ resolution: [0, 1] }, 'resolution[0] is 0; expected a whole number of pixels, at least 1'],
    [{ resolution: [1, 2.5] }, 'resolution[1] is 2.5; expected a whole number of pixels, at least 1'],
    [{ sigma: 0 }, 'sigma is 0; expected a finite number above 0'],
    [{ sigma: Infinity }, 'sigma is Infinity; expected a finite number above 0'],
    [{ weightPower: -1 }, 'weightPower is -1; expected a finite number of at least 0'],
    // A caller in JavaScript may pass it.
    [JSON.parse('{"pixelValue": "sum"}'), "pixelValue is sum; expected 'integral' or 'density'"],
  ];
  test.each(mistakes)('refuses %j', (mistake, message) => {
    expect(() => persistenceImage(NONE, { ...wide, ...mistake })).toThrow(new TdaInputError(message));
  });
});

function total(image: readonly Float64Array[]): number {
  return image.reduce((sum, row) => sum + row.reduce((part, value) => part + value, 0), 0);
}
