import type { Colour } from './palette.js';
import type { Backdrop, Relation, Scene, Shape, Size } from './scene.js';

type Group = readonly [count: number, size: Size, colour: Colour, shape: Shape];

function theme(
  [subjectCount, subjectSize, subjectColour, subjectShape]: Group,
  relation: Relation,
  [companionCount, companionSize, companionColour, companionShape]: Group,
  backgroundColour: Colour,
  backdrop: Backdrop = 'plain',
  secondColour: Colour = 'white',
): Scene {
  return {
    subjectCount,
    subjectSize,
    subjectColour,
    subjectShape,
    relation,
    companionCount,
    companionSize,
    companionColour,
    companionShape,
    backdrop,
    backgroundColour,
    secondColour,
  };
}

/**
 * The scenes towards which the painter drifts. The theme most like a prompt fills in what the prompt leaves open,
 * and every painting moves some of the way towards a theme. So trajectories settle near themes, and wander between
 * them.
 */
export const THEMES: readonly Scene[] = [
  // Sunrise over boats.
  theme(
    [1, 'large', 'orange', 'circle'],
    'above',
    [2, 'small', 'white', 'triangle'],
    'pale pink',
    'ground',
    'blue',
  ),
  // Moon and stars.
  theme([1, 'large', 'white', 'crescent'], 'among', [6, 'small', 'yellow', 'star'], 'dark blue'),
  // Wood.
  theme(
    [3, 'medium', 'green', 'triangle'],
    'below',
    [1, 'small', 'yellow', 'circle'],
    'pale blue',
    'ground',
    'brown',
  ),
  // Bowl of fruit.
  theme([3, 'medium', 'red', 'circle'], 'above', [1, 'large', 'brown', 'bar'], 'cream'),
  // Harlequin.
  theme([2, 'medium', 'yellow', 'diamond'], 'beside', [4, 'small', 'purple', 'diamond'], 'black'),
  // Town at dusk.
  theme(
    [2, 'large', 'black', 'square'],
    'below',
    [1, 'small', 'white', 'circle'],
    'orange',
    'ground',
    'dark red',
  ),
  // Flower bed.
  theme(
    [3, 'medium', 'green', 'column'],
    'below',
    [5, 'small', 'pink', 'star'],
    'cream',
    'ground',
    'dark green',
  ),
  // Target.
  theme([1, 'medium', 'white', 'circle'], 'inside', [1, 'large', 'red', 'circle'], 'turquoise'),
  // Snowfall.
  theme(
    [1, 'large', 'blue', 'diamond'],
    'among',
    [6, 'small', 'white', 'cross'],
    'dark green',
    'dots',
    'white',
  ),
  // Machine.
  theme([2, 'large', 'grey', 'ring'], 'above', [3, 'small', 'orange', 'square'], 'black'),
  // Pennants.
  theme(
    [1, 'large', 'blue', 'bar'],
    'below',
    [4, 'small', 'red', 'triangle'],
    'cream',
    'stripes',
    'pale green',
  ),
  // Aquarium.
  theme(
    [3, 'medium', 'orange', 'crescent'],
    'beside',
    [2, 'small', 'white', 'ring'],
    'turquoise',
    'dots',
    'pale blue',
  ),
  // Chapel.
  theme([1, 'large', 'yellow', 'cross'], 'above', [2, 'medium', 'white', 'column'], 'purple'),
  // Kites.
  theme(
    [2, 'large', 'turquoise', 'diamond'],
    'above',
    [5, 'small', 'purple', 'circle'],
    'pale green',
    'ground',
    'green',
  ),
  // Umbrella on a beach.
  theme(
    [1, 'large', 'red', 'triangle'],
    'above',
    [3, 'small', 'turquoise', 'bar'],
    'pale blue',
    'ground',
    'cream',
  ),
  // Lantern festival.
  theme(
    [1, 'large', 'yellow', 'ring'],
    'among',
    [5, 'small', 'red', 'diamond'],
    'lavender',
    'stripes',
    'white',
  ),
];
