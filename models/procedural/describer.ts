import type { ImageArtifact, TextArtifact } from '../../experiment/artifact.js';
import { hashBytes, Random } from '../random.js';
import { GRID } from './label-grid.js';
import { lookAt, type SeenGroup, type SeenPicture } from './look.js';
import { MOST_COUNTED } from './scene.js';

const NUMBERS = ['no', 'a', 'two', 'three', 'four', 'five', 'six'];
const SMALL_RADIUS = (GRID * 20) / 256;
const LARGE_RADIUS = (GRID * 37) / 256;
const THIN_STRETCH = 1.7;
/** How often (percent) a description leaves something out. The seed decides which. */
const OVERLOOK_COMPANION_PERCENT = 5;
const OVERLOOK_BACKDROP_PERCENT = 5;

/** Says in one sentence which things a picture shows, how many, how large, where, and on which background. */
export function describeProcedural(picture: ImageArtifact, seed: number): TextArtifact {
  const random = new Random(hashBytes(picture.pixels, seed));
  return { modality: 'text', text: sentence(lookAt(picture), random) };
}

function sentence(seen: SeenPicture, random: Random): string {
  const overlooksCompanion = random.chance(OVERLOOK_COMPANION_PERCENT);
  const overlooksBackdrop = random.chance(OVERLOOK_BACKDROP_PERCENT);
  const [first, second] = seen.groups;
  if (!first) return emptyPicture(seen);
  const things = second && !overlooksCompanion ? related(first, second) : phrase(first);
  return `${things} on ${background(seen, overlooksBackdrop)}`;
}

function emptyPicture({ background, backdrop, second, across }: SeenPicture): string {
  if (backdrop === 'stripes') return `${across ? 'level' : 'upright'} stripes of ${background} and ${second}`;
  if (backdrop === 'ground') return `an empty ${background} sky over ${second} ground`;
  if (backdrop === 'dots') return `${second} dots on ${article(background)} background`;
  return `a plain ${background} picture`;
}

function background({ background, backdrop, second }: SeenPicture, overlooks: boolean): string {
  const plain = `${article(background)} background`;
  if (backdrop === 'plain' || overlooks) return plain;
  return `${plain} with ${second} ${backdrop}`;
}

/** "X above Y", where a thing that is inside or in the middle comes first. */
function related(first: SeenGroup, second: SeenGroup): string {
  if (encloses(second, first) && second.count === 1) return `${phrase(first)} inside ${phrase(second)}`;
  if (encloses(first, second) && first.count === 1) return `${phrase(second)} inside ${phrase(first)}`;
  if (encloses(second, first) && second.count >= 3) return `${phrase(first)} among ${phrase(second)}`;
  if (encloses(first, second) && first.count >= 3) return `${phrase(second)} among ${phrase(first)}`;
  const across = (first.left + first.right - second.left - second.right) / 2;
  const down = (first.top + first.bottom - second.top - second.bottom) / 2;
  const relation = Math.abs(across) > Math.abs(down) ? 'beside' : down < 0 ? 'above' : 'below';
  return `${phrase(first)} ${relation} ${phrase(second)}`;
}

function encloses(outer: SeenGroup, inner: SeenGroup): boolean {
  return (
    outer.left < inner.left &&
    outer.right > inner.right &&
    outer.top < inner.top &&
    outer.bottom > inner.bottom
  );
}

function phrase({ count, colour, shape, radius }: SeenGroup): string {
  const length = shape === 'bar' || shape === 'column' ? radius / THIN_STRETCH : radius;
  const size = length < SMALL_RADIUS ? 'small ' : length > LARGE_RADIUS ? 'large ' : '';
  const plural = shape === 'cross' || shape === 'patch' ? `${shape}es` : `${shape}s`;
  if (count === 1) return article(`${size}${colour} ${shape}`);
  return `${count > MOST_COUNTED ? 'many' : NUMBERS[count]!} ${size}${colour} ${plural}`;
}

function article(words: string): string {
  return `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`;
}
