import { type Colour, COLOURS, contrasts } from '../procedural/palette.js';
import { readPrompt, wordsOf } from '../procedural/read-prompt.js';
import type { Shape } from '../procedural/scene.js';
import { meaningOf, shaded } from '../procedural/vocabulary.js';
import { hashText, Random } from '../random.js';
import { type Design, type Pattern, PATTERNS, type Scale } from './pattern.js';

const PATTERN_WORDS: readonly (readonly [RegExp, Pattern])[] = [
  [/\blevel\b|horizontal|\bsea\b|landscape/, 'level stripes'],
  [/slanting|diagonal|\brain\b/, 'slanting stripes'],
  [/\bupright\b|vertical|\bstripe/, 'upright stripes'],
  [/\bcheck|\btile|\bcity\b|\bgrid\b/, 'checks'],
  [/within rings|\btarget\b|concentric/, 'rings'],
  [/\bwav[ey]|water|river/, 'waves'],
  [/zigzag|mountain|\bkites?\b/, 'zigzags'],
  [/patch|cloud|forest/, 'patches'],
  [/\bdots?\b|\bstars\b|\bsnow|lying about/, 'dots'],
];

const SHAPE_PATTERN: Readonly<Record<Shape, Pattern>> = {
  circle: 'dots',
  ring: 'rings',
  square: 'checks',
  triangle: 'zigzags',
  diamond: 'slanting stripes',
  star: 'dots',
  cross: 'checks',
  crescent: 'waves',
  bar: 'level stripes',
  column: 'upright stripes',
};

/** What a prompt says about a design. */
export interface DesignSketch {
  readonly design: Design;
  /** Whether the prompt names two colours. Descriptions of patterns do, and other prompts seldom do. */
  readonly namesBothColours: boolean;
}

/**
 * Finds a pattern, its scale and two colours in a prompt. A hash of the words decides what the prompt leaves open,
 * always alike.
 */
export function readDesign(prompt: string): DesignSketch {
  const text = prompt.toLowerCase();
  const always = new Random(hashText(prompt, 0));
  const { subjectShape, backgroundColour } = readPrompt(prompt).scene;
  const named = PATTERN_WORDS.find(([words]) => words.test(text))?.[1];
  const [first, second] = coloursIn(prompt);
  const ground = backgroundColour === first ? second : (backgroundColour ?? second);
  const figure = first ?? always.pick(COLOURS);
  return {
    design: {
      pattern: named ?? (subjectShape ? SHAPE_PATTERN[subjectShape] : always.pick(PATTERNS)),
      scale: scaleIn(text),
      figure,
      ground: ground ?? always.pick(COLOURS.filter((colour) => contrasts(colour, figure))),
    },
    namesBothColours: first !== undefined && ground !== undefined,
  };
}

/** The different colours that a prompt names, in its order. */
function coloursIn(prompt: string): Colour[] {
  const colours = new Set<Colour>();
  let shade: 'pale' | 'dark' | null = null;
  for (const word of wordsOf(prompt)) {
    const meaning = meaningOf(word);
    if (meaning?.kind === 'colour') colours.add(shaded(meaning.colour, shade));
    shade = meaning?.kind === 'shade' ? meaning.shade : null;
  }
  return [...colours];
}

function scaleIn(text: string): Scale {
  if (/\bfine\b|\bsmall\b|\bmany\b/.test(text)) return 'fine';
  return /\bbroad\b|\blarge\b/.test(text) ? 'broad' : 'even';
}
