import type { ImageArtifact } from '../../experiment/artifact.js';
import { assertNever } from '../../common/errors.js';
import type { Random } from '../random.js';
import { Canvas, SIDE } from './canvas.js';
import { compose, type Placed } from './composition.js';
import type { Scene } from './scene.js';

// An odd number, so that the background colour is at both edges and has the greater part.
const STRIPES = 9;
const DOT_RADIUS = 5;
const DOTS_PER_SIDE = 6;

/** Paints a scene, 256x256. The random numbers decide exact places and sizes, never what the picture shows. */
export function paintScene(scene: Scene, random: Random): ImageArtifact {
  const canvas = new Canvas();
  const { subject, companion } = compose(scene, random);
  paintBackground(canvas, scene, [...subject, ...companion], random);
  for (const { x, y, radius } of companion) {
    canvas.draw(scene.companionShape, scene.companionColour, x, y, radius);
  }
  for (const { x, y, radius } of subject) {
    canvas.draw(scene.subjectShape, scene.subjectColour, x, y, radius);
  }
  return canvas.toImage();
}

function paintBackground(canvas: Canvas, scene: Scene, shapes: readonly Placed[], random: Random): void {
  const { backdrop, backgroundColour, secondColour } = scene;
  canvas.fillRows(backgroundColour, 0, SIDE);
  switch (backdrop) {
    case 'plain':
      return;
    case 'ground':
      canvas.fillRows(secondColour, random.between(168, 186), SIDE);
      return;
    case 'stripes': {
      const edge = (stripe: number): number => Math.round((stripe * SIDE) / STRIPES);
      for (let stripe = 1; stripe < STRIPES; stripe += 2) {
        canvas.fillColumns(secondColour, edge(stripe), edge(stripe + 1));
      }
      return;
    }
    case 'dots': {
      const cell = SIDE / DOTS_PER_SIDE;
      for (let i = 0; i < DOTS_PER_SIDE * DOTS_PER_SIDE; i++) {
        const x = ((i % DOTS_PER_SIDE) + 0.5) * cell + random.between(-10, 10);
        const y = (Math.floor(i / DOTS_PER_SIDE) + 0.5) * cell + random.between(-10, 10);
        if (shapes.every((shape) => isClear(shape, x, y)))
          canvas.draw('circle', secondColour, x, y, DOT_RADIUS);
      }
      return;
    }
    default:
      assertNever(backdrop);
  }
}

/** Whether a dot stays clear of a shape: a dot that touches a shape would change its outline. */
function isClear(shape: Placed, x: number, y: number): boolean {
  const reach = shape.radius + 3 * DOT_RADIUS;
  return Math.abs(shape.x - x) > reach || Math.abs(shape.y - y) > reach;
}
