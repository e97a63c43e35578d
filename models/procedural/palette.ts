import { namesOf } from '../../common/records.js';

type Rgb = readonly [red: number, green: number, blue: number];

/** The colours that the built-in painters mix and the built-in describers name: sRGB, 8 bits a channel. */
export const PALETTE = {
  red: [206, 46, 44],
  orange: [236, 128, 36],
  yellow: [246, 204, 58],
  green: [66, 150, 80],
  turquoise: [44, 160, 160],
  blue: [50, 98, 192],
  purple: [120, 64, 158],
  pink: [236, 128, 164],
  brown: [126, 80, 48],
  white: [250, 249, 246],
  grey: [142, 142, 146],
  black: [24, 22, 28],
  cream: [250, 234, 200],
  'pale blue': [186, 214, 238],
  'pale green': [196, 226, 190],
  'pale pink': [248, 208, 214],
  lavender: [208, 196, 234],
  'dark blue': [28, 38, 86],
  'dark green': [22, 70, 50],
  'dark red': [104, 26, 36],
} as const satisfies Record<string, Rgb>;

export type Colour = keyof typeof PALETTE;

export const COLOURS: readonly Colour[] = namesOf(PALETTE);

/** Squared distance that weighs channels about as eyes do (Riemersma's "redmean", in integers). */
function colourDistance([red1, green1, blue1]: Rgb, [red2, green2, blue2]: Rgb): number {
  const mean = (red1 + red2) >> 1;
  const red = red1 - red2;
  const green = green1 - green2;
  const blue = blue1 - blue2;
  return (((512 + mean) * red * red) >> 8) + 4 * green * green + (((767 - mean) * blue * blue) >> 8);
}

const CONTRAST = 8_000;

/** Whether a shape of one colour stands out from the other. */
export function contrasts(one: Colour, other: Colour): boolean {
  return colourDistance(PALETTE[one], PALETTE[other]) >= CONTRAST;
}

/** Whether a colour is nearer to `one` than to `other`. */
export function isNearer(colour: Colour, one: Colour, other: Colour): boolean {
  return colourDistance(PALETTE[colour], PALETTE[one]) < colourDistance(PALETTE[colour], PALETTE[other]);
}

let nearest: Uint8Array | null = null;

/** Index in COLOURS of the nearest colour, by 5 bits of each channel: `table[red >> 3 << 10 | green >> 3 << 5 | blue >> 3]`. */
export function nearestColourTable(): Uint8Array {
  if (nearest) return nearest;
  nearest = new Uint8Array(1 << 15);
  for (let key = 0; key < nearest.length; key++) {
    const centre: Rgb = [((key >> 10) << 3) | 4, (((key >> 5) & 31) << 3) | 4, ((key & 31) << 3) | 4];
    let best = Infinity;
    for (const [index, colour] of COLOURS.entries()) {
      const distance = colourDistance(centre, PALETTE[colour]);
      if (distance < best) {
        best = distance;
        nearest[key] = index;
      }
    }
  }
  return nearest;
}
