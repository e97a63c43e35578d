import type { Colour } from '../procedural/palette.js';

export const PATTERNS = [
  'level stripes',
  'upright stripes',
  'slanting stripes',
  'checks',
  'dots',
  'rings',
  'waves',
  'zigzags',
  'patches',
] as const;
export type Pattern = (typeof PATTERNS)[number];

export const SCALES = ['fine', 'even', 'broad'] as const;
export type Scale = (typeof SCALES)[number];

/** A picture that is one pattern from edge to edge: `figure` on (or alternating with) `ground`. */
export interface Design {
  readonly pattern: Pattern;
  readonly scale: Scale;
  readonly figure: Colour;
  readonly ground: Colour;
}

/** Period of each scale in pixels of a 256-pixel picture. */
export const PERIOD: Readonly<Record<Scale, number>> = { fine: 16, even: 32, broad: 64 };
