import type { ImageArtifact, TextArtifact } from '../../experiment/artifact.js';
import { assertNever } from '../../common/errors.js';
import { GRID, labelGrid } from '../procedural/label-grid.js';
import { type Colour, COLOURS, isNearer, PALETTE } from '../procedural/palette.js';
import { hashBytes, Random } from '../random.js';
import { COLOUR_NAMES } from './colour-names.js';
import type { Scale } from './pattern.js';
import { changes, recognisePattern, type SeenPattern } from './recognise-pattern.js';

/** How often (percent) a description leaves the mood out. The seed decides which descriptions do. */
const NO_MOOD_PERCENT = 12;

/** Describes the pattern that fills a picture: its kind, its colours, how coarse it is, and its mood. */
export function describePattern(picture: ImageArtifact, seed: number): TextArtifact {
  const random = new Random(hashBytes(picture.pixels, seed));
  const labels = labelGrid(picture);
  const [ground, figure] = twoMostCommon(labels);
  const sides = COLOURS.map((colour) => +isNearer(colour, COLOURS[figure]!, COLOURS[ground]!));
  const mask = labels.map((label) => sides[label]!);
  const pattern = recognisePattern(mask);
  const sentence = saying(pattern, scaleOf(mask, pattern), COLOURS[ground]!, COLOURS[figure]!);
  const mood = random.chance(NO_MOOD_PERCENT)
    ? ''
    : `, ${moodOf(COLOURS[ground]!, COLOURS[figure]!, pattern)}`;
  return { modality: 'text', text: `${sentence}${mood}` };
}

function twoMostCommon(labels: Uint8Array): [number, number] {
  const counts = new Int32Array(COLOURS.length);
  for (const label of labels) counts[label] = counts[label]! + 1;
  const ground = counts.indexOf(Math.max(...counts));
  counts[ground] = -1;
  return [ground, counts.indexOf(Math.max(...counts))];
}

/** A row changes its colour less often than stripes of the same period would, by these factors. */
const SPARSENESS: Readonly<Partial<Record<SeenPattern, number>>> = {
  dots: 1.6,
  rings: 1.7,
  patches: 3.6,
  'slanting stripes': 1.33,
};

/** The scale, from the number of changes of colour along a row or a column: about 32, 16 and 8 for stripes. */
function scaleOf(mask: Uint8Array, pattern: SeenPattern): Scale {
  const busiest = Math.max(changes(mask, 1, 0), changes(mask, 0, 1)) * GRID * (SPARSENESS[pattern] ?? 1);
  return busiest > 23 ? 'fine' : busiest > 11.5 ? 'even' : 'broad';
}

function saying(pattern: SeenPattern, scale: Scale, groundColour: Colour, figureColour: Colour): string {
  const ground = COLOUR_NAMES[groundColour];
  const figure = COLOUR_NAMES[figureColour];
  switch (pattern) {
    case 'plain':
      return `nothing but ${ground}`;
    case 'scattered':
      return `${figure} things lying about on ${ground}`;
    case 'dots':
      return `${scale} dots, ${figure} on ${ground}`;
    case 'patches':
      return `${scale} patches, ${figure} on ${ground}`;
    case 'checks':
      return `${scale} checks of ${bothNames(groundColour, figureColour)}`;
    case 'rings':
      return `${scale} rings within rings, ${bothNames(groundColour, figureColour)}`;
    case 'waves':
    case 'zigzags':
    case 'level stripes':
    case 'upright stripes':
    case 'slanting stripes':
      return `${scale} ${pattern} of ${bothNames(groundColour, figureColour)}`;
    default:
      return assertNever(pattern);
  }
}

/** Alternating colours have no order of their own, so their names follow the palette's order. */
function bothNames(one: Colour, other: Colour): string {
  const [first, second] = COLOURS.indexOf(one) < COLOURS.indexOf(other) ? [one, other] : [other, one];
  return `${COLOUR_NAMES[first]} and ${COLOUR_NAMES[second]}`;
}

function moodOf(ground: Colour, figure: Colour, pattern: SeenPattern): string {
  const red = 2 * PALETTE[ground][0] + PALETTE[figure][0];
  const blue = 2 * PALETTE[ground][2] + PALETTE[figure][2];
  const warmth = red > blue + 72 ? 'warm' : blue > red + 72 ? 'cool' : 'mild';
  const stillness = pattern === 'plain' || pattern === 'patches' || pattern === 'waves' ? 'calm' : 'lively';
  return `${warmth} and ${stillness}`;
}
