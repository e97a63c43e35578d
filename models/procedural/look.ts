import type { ImageArtifact } from '../../experiment/artifact.js';
import { type Component, components, hasBody } from './components.js';
import { GRID, labelGrid } from './label-grid.js';
import { type Colour, COLOURS } from './palette.js';
import { recogniseShape, type SeenShape } from './recognise-shape.js';
import type { Backdrop } from './scene.js';

const SMALLEST_THING = 24;
const SMALL_THING = 240;
const SMALLEST_DOT = 6;
const LARGEST_DOT_SIDE = 8;
const FEWEST_DOTS = 9;
const FEWEST_STRIPES = 3;

/** Things of one colour and shape. Lengths in cells of the grid (GRID a side). */
export interface SeenGroup {
  readonly colour: Colour;
  readonly shape: SeenShape;
  readonly count: number;
  readonly area: number;
  /** Mean of half the longer side of each thing. */
  readonly radius: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface SeenPicture {
  readonly background: Colour;
  readonly backdrop: Backdrop;
  readonly second: Colour | null;
  readonly across: boolean;
  /** Largest area first. */
  readonly groups: readonly SeenGroup[];
}

interface Background {
  readonly label: number;
  readonly backdrop: Backdrop;
  readonly second: number | null;
  /** Whether stripes run from left to right. */
  readonly across: boolean;
  /** Whether a component is part of the background. */
  readonly includes: (component: Component) => boolean;
}

/** Finds the background of a picture and the groups of things on it. */
export function lookAt(picture: ImageArtifact): SeenPicture {
  const labels = labelGrid(picture);
  const all = components(labels, SMALLEST_DOT);
  const background = findBackground(labels, all);
  const things = all.filter(
    (component) =>
      component.cells.length >= SMALLEST_THING &&
      !background.includes(component) &&
      hasBody(component, labels),
  );
  return {
    background: COLOURS[background.label]!,
    backdrop: background.backdrop,
    second: background.second === null ? null : COLOURS[background.second]!,
    across: background.across,
    groups: groupsOf(things),
  };
}

function findBackground(labels: Uint8Array, all: readonly Component[]): Background {
  const label = mostCommon(upperBorder(labels));
  const others = all.filter((component) => component.label !== label);
  const solid = others.filter((component) => hasBody(component, labels));
  const across = solid.filter((c) => isStripe(c.bottom - c.top, c.right - c.left) && touchesSides(c));
  const down = solid.filter((c) => isStripe(c.right - c.left, c.bottom - c.top) && touchesEnds(c));
  const stripes = across.length > down.length ? across : down;
  const second = mostCommon(stripes.map((stripe) => stripe.label));
  if (stripes.filter((stripe) => stripe.label === second).length >= FEWEST_STRIPES) {
    const includes = (c: Component): boolean =>
      c.label === label || c.label === second || stripes.includes(c);
    return { label, backdrop: 'stripes', second, across: stripes === across, includes };
  }
  const ground = others.find(
    (c) => c.bottom === GRID - 1 && c.left === 0 && c.right === GRID - 1 && c.top > GRID / 3,
  );
  if (ground) {
    const includes = (c: Component): boolean =>
      c.label === label || (c.label === ground.label && (c === ground || c.bottom === GRID - 1));
    return { label, backdrop: 'ground', second: ground.label, across: false, includes };
  }
  const dots = others.filter(
    (c) => c.right - c.left < LARGEST_DOT_SIDE && c.bottom - c.top < LARGEST_DOT_SIDE,
  );
  const dotLabel = mostCommon(dots.map((dot) => dot.label));
  if (dots.filter((dot) => dot.label === dotLabel).length >= FEWEST_DOTS) {
    const includes = (c: Component): boolean => c.label === label || dots.includes(c);
    return { label, backdrop: 'dots', second: dotLabel, across: false, includes };
  }
  return { label, backdrop: 'plain', second: null, across: false, includes: (c) => c.label === label };
}

function isStripe(thickness: number, length: number): boolean {
  return length >= GRID * 0.15 && thickness < GRID / 4;
}

function touchesSides(c: Component): boolean {
  return c.left === 0 || c.right === GRID - 1;
}

function touchesEnds(c: Component): boolean {
  return c.top === 0 || c.bottom === GRID - 1;
}

function upperBorder(labels: Uint8Array): number[] {
  const border: number[] = [...labels.subarray(0, GRID)];
  for (let row = 0; row < GRID / 2; row++) border.push(labels[row * GRID]!, labels[row * GRID + GRID - 1]!);
  return border;
}

/** The value that occurs most often (the smallest of several); 0 for none. */
function mostCommon(values: readonly number[]): number {
  const counts = new Int32Array(COLOURS.length);
  for (const value of values) counts[value] = counts[value]! + 1;
  return counts.indexOf(Math.max(...counts));
}

function groupsOf(things: readonly Component[]): SeenGroup[] {
  const byColour = new Map<number, Map<SeenShape, Component[]>>();
  for (const thing of things) {
    const shapes = byColour.get(thing.label) ?? new Map<SeenShape, Component[]>();
    byColour.set(thing.label, shapes);
    const shape = recogniseShape(thing);
    shapes.set(shape, [...(shapes.get(shape) ?? []), thing]);
  }
  const groups: SeenGroup[] = [];
  for (const [label, shapes] of byColour) {
    mergeUnclear(shapes);
    for (const [shape, members] of shapes) groups.push(measureGroup(COLOURS[label]!, shape, members));
  }
  return groups.sort((a, b) => b.area - a.area);
}

/**
 * Gives things that are small, or of no clear shape, the shape of more numerous things of their colour and about
 * their size: a describer easily misreads such things.
 */
function mergeUnclear(shapes: Map<SeenShape, Component[]>): void {
  const [most, ...others] = [...shapes].sort((a, b) => b[1].length - a[1].length);
  if (!most) return;
  const usual = most[1][0]!.cells.length;
  for (const [shape, members] of others) {
    const alike = members.filter(({ cells }) => {
      const isUnclear = shape === 'patch' || cells.length < SMALL_THING;
      return isUnclear && cells.length < 2 * usual && usual < 2 * cells.length;
    });
    most[1].push(...alike);
    if (alike.length === members.length) shapes.delete(shape);
    else
      shapes.set(
        shape,
        members.filter((member) => !alike.includes(member)),
      );
  }
}

function measureGroup(colour: Colour, shape: SeenShape, members: readonly Component[]): SeenGroup {
  let area = 0;
  let sides = 0;
  for (const { cells, left, right, top, bottom } of members) {
    area += cells.length;
    sides += Math.max(right - left, bottom - top) + 1;
  }
  return {
    colour,
    shape,
    count: members.length,
    area,
    radius: sides / members.length / 2,
    left: Math.min(...members.map((c) => c.left)),
    top: Math.min(...members.map((c) => c.top)),
    right: Math.max(...members.map((c) => c.right)),
    bottom: Math.max(...members.map((c) => c.bottom)),
  };
}
