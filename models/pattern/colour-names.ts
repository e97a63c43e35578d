import type { Colour } from '../procedural/palette.js';

/** The pattern describer's own names for the palette's colours. The painters' `vocabulary.ts` knows them all. */
export const COLOUR_NAMES: Readonly<Record<Colour, string>> = {
  red: 'crimson',
  orange: 'amber',
  yellow: 'golden',
  green: 'emerald',
  turquoise: 'teal',
  blue: 'cobalt',
  purple: 'violet',
  pink: 'rose',
  brown: 'chestnut',
  white: 'ivory',
  grey: 'silver',
  black: 'charcoal',
  cream: 'beige',
  'pale blue': 'sky-blue',
  'pale green': 'mint',
  'pale pink': 'blush',
  lavender: 'lilac',
  'dark blue': 'navy',
  'dark green': 'forest-green',
  'dark red': 'maroon',
};
