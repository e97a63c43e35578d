import type { Colour } from '../procedural/palette.js';
import type { Random } from '../random.js';
import type { Design, Pattern, Scale } from './pattern.js';

function design(scale: Scale, pattern: Pattern, figure: Colour, ground: Colour): Design {
  return { scale, pattern, figure, ground };
}

/** The designs towards which the pattern painter drifts. No two have the same pair of colours. */
export const DESIGNS: readonly Design[] = [
  design('even', 'level stripes', 'blue', 'white'),
  design('broad', 'checks', 'red', 'cream'),
  design('even', 'dots', 'yellow', 'purple'),
  design('broad', 'rings', 'orange', 'turquoise'),
  design('even', 'waves', 'pale blue', 'dark blue'),
  design('broad', 'upright stripes', 'pink', 'black'),
  design('broad', 'patches', 'green', 'dark green'),
  design('fine', 'checks', 'grey', 'white'),
  design('even', 'slanting stripes', 'yellow', 'black'),
  design('broad', 'zigzags', 'pale green', 'brown'),
  design('even', 'rings', 'white', 'red'),
  design('broad', 'dots', 'dark red', 'pale pink'),
  design('broad', 'patches', 'lavender', 'blue'),
  design('fine', 'upright stripes', 'turquoise', 'cream'),
  design('broad', 'waves', 'orange', 'dark red'),
  design('even', 'zigzags', 'purple', 'pink'),
];

/**
 * How often (percent) a design that has the colours of a known design becomes it. Otherwise its colours change
 * again.
 */
const SETTLE_PERCENT = 85;
/**
 * How often (percent) the next colours come from the other family of designs. The two families are the designs at
 * even and at odd places of the list.
 */
const STRAY_PERCENT = 6;
/**
 * The designs that may follow a design, as steps through the list. All steps lead onwards, so that short ways back
 * are rare.
 */
const SUCCESSORS = [2, 6, 10];

/**
 * Changes a design a little. A design whose colours no known design has takes, one by one, those of the known design
 * most like it. A design in the colours of a known one becomes that one. A known design takes the colours of a design
 * that follows it.
 */
export function drift(design: Design, random: Random): Design {
  const home = DESIGNS.findIndex((known) =>
    colours(known).every((colour) => colours(design).includes(colour)),
  );
  if (home < 0) return towardsKnown(design, random);
  const known = DESIGNS[home]!;
  const isMixture = known.pattern !== design.pattern;
  if (isMixture && random.chance(SETTLE_PERCENT)) return known;
  const stride = random.pick(SUCCESSORS) + (random.chance(STRAY_PERCENT) ? 1 : 0);
  const { figure, ground } = DESIGNS[(home + stride) % DESIGNS.length]!;
  return { ...design, figure, ground };
}

/** The known design most like this one: first by its colours, then by its pattern. */
function towardsKnown(design: Design, random: Random): Design {
  const sameColour = DESIGNS.filter((known) =>
    colours(known).some((colour) => colours(design).includes(colour)),
  );
  if (sameColour.length > 0) {
    const { figure, ground } = random.pick(sameColour);
    return { ...design, figure, ground };
  }
  const samePattern = DESIGNS.filter((known) => known.pattern === design.pattern);
  return { ...design, ground: random.pick(samePattern.length > 0 ? samePattern : DESIGNS).ground };
}

function colours({ figure, ground }: Design): readonly Colour[] {
  return [figure, ground];
}
