import type { ImageArtifact } from '../../experiment/artifact.js';
import { type Colour, PALETTE } from './palette.js';
import type { Shape } from './scene.js';
import { isInside } from './shapes.js';

export const SIDE = 256;
const SHADOW_OFFSET = 3;
const SHADOW_LIGHT = 0.92;

/** A square picture for scenes. Its colours shift a little from top left to bottom right, as under a lamp. */
export class Canvas {
  // Clamped arrays round and clamp what is stored in them.
  readonly #pixels = new Uint8ClampedArray(SIDE * SIDE * 3);

  /** Fills rows `top` to `bottom - 1`. */
  fillRows(colour: Colour, top: number, bottom: number): void {
    for (let y = top; y < bottom; y++) this.#fill(colour, 0, SIDE, y);
  }

  /** Fills columns `left` to `right - 1`. */
  fillColumns(colour: Colour, left: number, right: number): void {
    for (let y = 0; y < SIDE; y++) this.#fill(colour, left, right, y);
  }

  #fill(colour: Colour, left: number, right: number, y: number): void {
    const [red, green, blue] = PALETTE[colour];
    for (let x = left; x < right; x++) {
      const light = lamp(x, y);
      this.#set((y * SIDE + x) * 3, red * light, green * light, blue * light);
    }
  }

  /** Draws a shape of half-width `radius` around a centre, with a soft edge, over a faint shadow. */
  draw(shape: Shape, colour: Colour, centreX: number, centreY: number, radius: number): void {
    this.#visit(centreX + SHADOW_OFFSET, centreY + SHADOW_OFFSET, radius, (at, x, y) => {
      if (isInside(shape, (x + 0.5) / radius, (y + 0.5) / radius)) this.#darken(at);
    });
    const [red, green, blue] = PALETTE[colour];
    this.#visit(centreX, centreY, radius, (at, x, y) => {
      const cover = coverage(shape, x, y, radius);
      if (cover === 0) return;
      const paint = cover * lamp(x + centreX, y + centreY);
      const under = 1 - cover;
      const pixels = this.#pixels;
      this.#set(
        at,
        pixels[at]! * under + red * paint,
        pixels[at + 1]! * under + green * paint,
        pixels[at + 2]! * under + blue * paint,
      );
    });
  }

  /**
   * Calls back for each pixel of the square around a centre, with its place in the array and its position relative
   * to the centre.
   */
  #visit(
    centreX: number,
    centreY: number,
    radius: number,
    visit: (at: number, x: number, y: number) => void,
  ): void {
    const left = Math.max(0, Math.floor(centreX - radius));
    const right = Math.min(SIDE - 1, Math.ceil(centreX + radius));
    const top = Math.max(0, Math.floor(centreY - radius));
    const bottom = Math.min(SIDE - 1, Math.ceil(centreY + radius));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) visit((y * SIDE + x) * 3, x - centreX, y - centreY);
    }
  }

  #darken(at: number): void {
    const pixels = this.#pixels;
    this.#set(at, pixels[at]! * SHADOW_LIGHT, pixels[at + 1]! * SHADOW_LIGHT, pixels[at + 2]! * SHADOW_LIGHT);
  }

  #set(at: number, red: number, green: number, blue: number): void {
    this.#pixels[at] = red;
    this.#pixels[at + 1] = green;
    this.#pixels[at + 2] = blue;
  }

  toImage(): ImageArtifact {
    return { modality: 'image', width: SIDE, height: SIDE, pixels: new Uint8Array(this.#pixels.buffer) };
  }
}

function lamp(x: number, y: number): number {
  return 1.03 - (x + y) / 5120;
}

/** The share of a pixel that a shape covers: 0, 1/4, ... 1. */
function coverage(shape: Shape, x: number, y: number, radius: number): number {
  const left = (x + 0.25) / radius;
  const right = (x + 0.75) / radius;
  const upper = (y + 0.25) / radius;
  const lower = (y + 0.75) / radius;
  const hits =
    +isInside(shape, left, upper) +
    +isInside(shape, right, upper) +
    +isInside(shape, left, lower) +
    +isInside(shape, right, lower);
  return hits / 4;
}
