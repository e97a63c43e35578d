import { assertNever } from '../../common/errors.js';
import type { Shape } from './scene.js';

// Corners of a five-pointed star in a circle of radius 1, its tip upwards. They are literals, since the last bit of
// a sine depends on the machine.
const STAR: readonly (readonly [number, number])[] = [
  [0, -1],
  [0.2351, -0.3236],
  [0.9511, -0.309],
  [0.3804, 0.1236],
  [0.5878, 0.809],
  [0, 0.4],
  [-0.5878, 0.809],
  [-0.3804, 0.1236],
  [-0.9511, -0.309],
  [-0.2351, -0.3236],
];

const BAR_HALF_THICKNESS = 0.24;
const CROSS_HALF_THICKNESS = 0.32;
const RING_INNER_RADIUS = 0.52;

/** Whether a point of the square -1..1 (y downwards) lies in a shape that fills that square. */
export function isInside(shape: Shape, x: number, y: number): boolean {
  switch (shape) {
    case 'circle':
      return x * x + y * y <= 1;
    case 'ring': {
      const squared = x * x + y * y;
      return squared <= 1 && squared >= RING_INNER_RADIUS * RING_INNER_RADIUS;
    }
    case 'square':
      return Math.abs(x) <= 0.88 && Math.abs(y) <= 0.88;
    case 'triangle':
      return y <= 0.85 && y >= -0.9 && Math.abs(x) <= (y + 0.9) / 1.75;
    case 'diamond':
      return Math.abs(x) + Math.abs(y) <= 1;
    case 'star':
      return isInStar(x, y);
    case 'cross':
      return (
        (Math.abs(x) <= CROSS_HALF_THICKNESS && Math.abs(y) <= 1) ||
        (Math.abs(y) <= CROSS_HALF_THICKNESS && Math.abs(x) <= 1)
      );
    case 'crescent':
      return x * x + y * y <= 1 && (x - 0.5) * (x - 0.5) + y * y > 0.72;
    case 'bar':
      return Math.abs(y) <= BAR_HALF_THICKNESS && Math.abs(x) <= 1;
    case 'column':
      return Math.abs(x) <= BAR_HALF_THICKNESS && Math.abs(y) <= 1;
    default:
      return assertNever(shape);
  }
}

/** Counts the edges that a ray to the right crosses. */
function isInStar(x: number, y: number): boolean {
  let inside = false;
  let [previousX, previousY] = STAR[STAR.length - 1]!;
  for (let i = 0; i < STAR.length; i++) {
    const cornerX = STAR[i]![0];
    const cornerY = STAR[i]![1];
    if (cornerY > y !== previousY > y) {
      const crossing = cornerX + ((y - cornerY) * (previousX - cornerX)) / (previousY - cornerY);
      if (x < crossing) inside = !inside;
    }
    previousX = cornerX;
    previousY = cornerY;
  }
  return inside;
}
