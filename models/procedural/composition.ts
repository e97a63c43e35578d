import { assertNever } from '../../common/errors.js';
import type { Random } from '../random.js';
import { SIDE } from './canvas.js';
import { MOST_COUNTED, type Relation, type Scene, type Shape, type Size } from './scene.js';

export interface Placed {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

interface Region {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const RADIUS: Readonly<Record<Size, number>> = { small: 16, medium: 28, large: 46 };
// Bars and columns are thin. The painter makes them longer, so that they weigh as much as other shapes of their
// size.
const THIN_STRETCH = 1.7;
const MIDDLE = SIDE / 2;
/** Eight directions on the unit circle, starting upwards. */
const AROUND: readonly (readonly [number, number])[] = [
  [0, -1],
  [0.7071, 0.7071],
  [-1, 0],
  [0.7071, -0.7071],
  [0, 1],
  [-0.7071, -0.7071],
  [1, 0],
  [-0.7071, 0.7071],
];

/** Half the side of the square that fits into a shape of radius 100. */
const ROOM_INSIDE: Readonly<Partial<Record<Shape, number>>> = {
  circle: 62,
  square: 64,
  diamond: 46,
  ring: 36,
};

const REGIONS: Readonly<Record<'above' | 'below' | 'left' | 'right', Region>> = {
  above: { left: 16, top: 16, right: 240, bottom: 124 },
  below: { left: 16, top: 132, right: 240, bottom: 240 },
  left: { left: 14, top: 40, right: 124, bottom: 216 },
  right: { left: 132, top: 40, right: 242, bottom: 216 },
};

/** Places of the subject's and the companion's shapes: no two overlap, unless one is inside the other. */
export function compose(scene: Scene, random: Random): { subject: Placed[]; companion: Placed[] } {
  const { relation } = scene;
  switch (relation) {
    case 'above':
    case 'below':
    case 'beside': {
      const [ours, theirs] = regionsOf(relation, random);
      return {
        subject: arrange(scene.subjectCount, scene.subjectSize, scene.subjectShape, ours, random),
        companion: arrange(scene.companionCount, scene.companionSize, scene.companionShape, theirs, random),
      };
    }
    case 'among': {
      const middle: Region = { left: 76, top: 76, right: 180, bottom: 180 };
      return {
        subject: arrange(scene.subjectCount, scene.subjectSize, scene.subjectShape, middle, random),
        companion: surround(scene.companionCount, scene.companionSize, random),
      };
    }
    case 'inside': {
      const reach = ROOM_INSIDE[scene.companionShape] ?? 36;
      const middle = {
        left: MIDDLE - reach,
        top: MIDDLE - reach,
        right: MIDDLE + reach,
        bottom: MIDDLE + reach,
      };
      return {
        subject: arrange(scene.subjectCount, scene.subjectSize, scene.subjectShape, middle, random),
        companion: [{ x: MIDDLE, y: MIDDLE, radius: random.between(96, 104) }],
      };
    }
    default:
      return assertNever(relation);
  }
}

function regionsOf(relation: Exclude<Relation, 'among' | 'inside'>, random: Random): [Region, Region] {
  if (relation === 'above') return [REGIONS.above, REGIONS.below];
  if (relation === 'below') return [REGIONS.below, REGIONS.above];
  return random.chance(50) ? [REGIONS.left, REGIONS.right] : [REGIONS.right, REGIONS.left];
}

/** Shapes in rows and columns within a region, each moved a little from the middle of its cell. */
function arrange(count: number, size: Size, shape: Shape, region: Region, random: Random): Placed[] {
  const width = region.right - region.left;
  const height = region.bottom - region.top;
  const columns = columnsFor(count, shape, width / height);
  const rows = Math.ceil(count / columns);
  const stretch = shape === 'bar' || shape === 'column' ? THIN_STRETCH : 1;
  const cellWidth = width / columns;
  const cellHeight = height / rows;
  const widthLimit = shape === 'column' ? cellWidth * 1.6 : cellWidth / 2 - 3;
  const heightLimit = shape === 'bar' ? cellHeight * 1.6 : cellHeight / 2 - 3;
  const radius = Math.max(
    8,
    Math.min(RADIUS[size] * stretch + random.between(-2, 2), widthLimit, heightLimit),
  );
  const placed: Placed[] = [];
  for (let i = 0; i < count; i++) {
    const row = Math.floor(i / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const x = region.left + (width * ((i % columns) + 0.5)) / inRow;
    const y = region.top + cellHeight * (row + 0.5);
    const slackX = Math.max(0, Math.min(9, Math.floor(widthLimit - radius)));
    const slackY = Math.max(0, Math.min(9, Math.floor(heightLimit - radius)));
    placed.push({ x: x + random.between(-slackX, slackX), y: y + random.between(-slackY, slackY), radius });
  }
  return placed;
}

function columnsFor(count: number, shape: Shape, aspect: number): number {
  if (shape === 'bar' && count <= 3) return 1;
  if (shape === 'column' && count <= MOST_COUNTED) return count;
  if (aspect > 1) return count <= 3 ? count : Math.ceil(count / 2);
  return count <= 2 ? 1 : Math.ceil(count / 3);
}

/** Shapes on a circle around the middle of the picture. */
function surround(count: number, size: Size, random: Random): Placed[] {
  const radius = Math.min(RADIUS[size], 26) + random.between(-2, 2);
  const first = random.below(AROUND.length);
  const placed: Placed[] = [];
  for (let i = 0; i < Math.min(count, AROUND.length); i++) {
    const [dx, dy] = AROUND[(first + i) % AROUND.length]!;
    const distance = random.between(90, 96);
    placed.push({ x: MIDDLE + dx * distance, y: MIDDLE + dy * distance, radius });
  }
  return placed;
}
