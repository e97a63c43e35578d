import type { Colour } from './palette.js';

export const SHAPES = [
  'circle',
  'ring',
  'square',
  'triangle',
  'diamond',
  'star',
  'cross',
  'crescent',
  'bar',
  'column',
] as const;
export type Shape = (typeof SHAPES)[number];

export type Size = 'small' | 'medium' | 'large';
export type Relation = 'above' | 'below' | 'beside' | 'among' | 'inside';
/** `ground` is a horizon with the second colour under it. `stripes` and `dots` have the second colour. */
export type Backdrop = 'plain' | 'ground' | 'stripes' | 'dots';

/** The painter and the describer treat higher counts as "many". */
export const MOST_COUNTED = 6;
export const MANY = 8;

/**
 * What a picture shows: a subject, a companion placed by `relation` (the subject is above, ... the companion), and a
 * background. Flat, so that two scenes can be compared and mixed attribute by attribute.
 */
export interface Scene {
  readonly subjectCount: number;
  readonly subjectSize: Size;
  readonly subjectColour: Colour;
  readonly subjectShape: Shape;
  readonly companionCount: number;
  readonly companionSize: Size;
  readonly companionColour: Colour;
  readonly companionShape: Shape;
  readonly relation: Relation;
  readonly backdrop: Backdrop;
  readonly backgroundColour: Colour;
  readonly secondColour: Colour;
}

export type SceneAttribute = keyof Scene;

export const SCENE_ATTRIBUTES: readonly SceneAttribute[] = [
  'subjectCount',
  'subjectSize',
  'subjectColour',
  'subjectShape',
  'companionCount',
  'companionSize',
  'companionColour',
  'companionShape',
  'relation',
  'backdrop',
  'backgroundColour',
  'secondColour',
];

/** The attributes, of those that `one` has, in which the scenes differ. */
export function differences(one: Partial<Scene>, other: Scene): SceneAttribute[] {
  return SCENE_ATTRIBUTES.filter((name) => one[name] !== undefined && one[name] !== other[name]);
}

/** `scene` with the named attributes of `other`. */
export function withAttributes(scene: Scene, other: Scene, names: readonly SceneAttribute[]): Scene {
  const taken = Object.fromEntries(names.map((name) => [name, other[name]]));
  return { ...scene, ...(taken as Partial<Scene>) };
}
