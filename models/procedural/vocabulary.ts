import { namesOf } from '../../common/records.js';
import type { Colour } from './palette.js';
import type { Backdrop, Relation, Scene, Shape, Size } from './scene.js';

/** What a word of a prompt means to the painters. */
export type Meaning =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'size'; readonly size: Size }
  | { readonly kind: 'shade'; readonly shade: 'pale' | 'dark' }
  | { readonly kind: 'colour'; readonly colour: Colour }
  | { readonly kind: 'shape'; readonly shape: Shape; readonly colour?: Colour; readonly size?: Size }
  | { readonly kind: 'relation'; readonly relation: Relation | 'around' }
  | { readonly kind: 'backdrop'; readonly backdrop: Backdrop }
  | { readonly kind: 'mood'; readonly scene: Partial<Scene> }
  | { readonly kind: 'filler' };

const meanings = new Map<string, Meaning>();

function define(words: string, meaning: Meaning): void {
  for (const word of words.split(' ')) meanings.set(word, meaning);
}

for (const [count, words] of [
  'single lone one',
  'two pair both twin couple',
  'three',
  'four',
  'five several',
  'six some few',
  'seven',
  'eight many countless numerous crowd lots scattered',
].entries()) {
  define(words, { kind: 'count', count: count + 1 });
}

define('small tiny little fine minute delicate', { kind: 'size', size: 'small' });
define('medium ordinary', { kind: 'size', size: 'medium' });
define('large big huge giant great broad tall enormous close', { kind: 'size', size: 'large' });
define('pale light bright soft faint', { kind: 'shade', shade: 'pale' });
define('dark deep dim', { kind: 'shade', shade: 'dark' });

const colourWords: Readonly<Record<Colour, string>> = {
  red: 'red crimson scarlet',
  orange: 'orange amber rust',
  yellow: 'yellow golden gold',
  green: 'green emerald',
  turquoise: 'turquoise teal cyan aqua',
  blue: 'blue cobalt azure',
  purple: 'purple violet',
  pink: 'pink rose magenta',
  brown: 'brown chestnut wooden tan',
  white: 'white ivory',
  grey: 'grey gray silver steel',
  black: 'black charcoal',
  cream: 'cream beige sand',
  'pale blue': 'sky-blue',
  'pale green': 'mint',
  'pale pink': 'blush',
  lavender: 'lavender lilac',
  'dark blue': 'navy indigo',
  'dark green': 'forest-green',
  'dark red': 'maroon burgundy',
};
for (const colour of namesOf(colourWords)) define(colourWords[colour], { kind: 'colour', colour });

const shapeWords: Readonly<Record<Shape, string>> = {
  circle: 'circle disc disk ball apple face orb fruit wheel clock egg',
  ring: 'ring hoop donut doughnut',
  square: 'square rectangle box house building window book door block',
  triangle: 'triangle tree mountain hill pyramid sail roof tent',
  diamond: 'diamond rhombus kite gem crystal',
  star: 'star flower spark leaf',
  cross: 'cross plus aeroplane plane bird windmill',
  crescent: 'crescent moon boat fish banana smile',
  bar: 'bar line table bench road car bridge train bed',
  column: 'column pillar post person man woman girl boy tower bottle candle vase',
};
for (const shape of namesOf(shapeWords)) define(shapeWords[shape], { kind: 'shape', shape });
define('sun', { kind: 'shape', shape: 'circle', colour: 'yellow', size: 'large' });
define('patch blob cat dog horse animal', { kind: 'shape', shape: 'circle' });

define('above atop', { kind: 'relation', relation: 'above' });
define('below under beneath underneath', { kind: 'relation', relation: 'below' });
define('beside next near alongside left right', { kind: 'relation', relation: 'beside' });
define('among amid amidst between surrounded', { kind: 'relation', relation: 'among' });
define('inside within', { kind: 'relation', relation: 'inside' });
define('around surrounding encircling', { kind: 'relation', relation: 'around' });

define('background backdrop picture sky wall canvas', { kind: 'backdrop', backdrop: 'plain' });
define('ground field floor grass beach street shore', { kind: 'backdrop', backdrop: 'ground' });
define('stripe striped band', { kind: 'backdrop', backdrop: 'stripes' });
define('dot dotted speckle spot rain', { kind: 'backdrop', backdrop: 'dots' });

define('night midnight', { kind: 'mood', scene: { backgroundColour: 'dark blue' } });
define('sunset sunrise dusk dawn', {
  kind: 'mood',
  scene: { backgroundColour: 'pale pink', backdrop: 'ground', secondColour: 'orange' },
});
define('sea ocean lake water river', { kind: 'mood', scene: { backdrop: 'ground', secondColour: 'blue' } });
define('snow winter ice', { kind: 'mood', scene: { backdrop: 'dots', secondColour: 'white' } });
define('forest jungle garden', { kind: 'mood', scene: { backdrop: 'ground', secondColour: 'dark green' } });
define('city town', { kind: 'mood', scene: { backdrop: 'ground', secondColour: 'grey' } });
define('fire flame autumn', { kind: 'mood', scene: { backgroundColour: 'dark red' } });
define('desert', {
  kind: 'mood',
  scene: { backgroundColour: 'cream', backdrop: 'ground', secondColour: 'orange' },
});

define(
  'a an the on of in at to with and or is are was it its this that photo image painting drawing shows there by for from as plain',
  { kind: 'filler' },
);

/** What a lower-case word means, also in its plural; undefined for a word that the painters do not know. */
export function meaningOf(word: string): Meaning | undefined {
  return (
    meanings.get(word) ??
    (word.endsWith('es') ? meanings.get(word.slice(0, -2)) : undefined) ??
    (word.endsWith('s') ? meanings.get(word.slice(0, -1)) : undefined)
  );
}

const SHADED: Readonly<Record<'pale' | 'dark', Partial<Record<Colour, Colour>>>> = {
  pale: {
    red: 'pale pink',
    pink: 'pale pink',
    blue: 'pale blue',
    green: 'pale green',
    purple: 'lavender',
    yellow: 'cream',
  },
  dark: {
    red: 'dark red',
    pink: 'dark red',
    blue: 'dark blue',
    green: 'dark green',
    turquoise: 'dark green',
    grey: 'black',
  },
};

/** The palette's colour for a shade of another, or the other itself where there is none. */
export function shaded(colour: Colour, shade: 'pale' | 'dark' | null): Colour {
  return (shade === null ? undefined : SHADED[shade][colour]) ?? colour;
}
