import type { Random } from '../random.js';
import { type Colour, contrasts } from './palette.js';
import type { Sketch } from './read-prompt.js';
import { differences, type Scene, type SceneAttribute, type Shape, withAttributes } from './scene.js';
import { THEMES } from './themes.js';

/** How often (percent) a mixture of themes becomes the theme it is most like; otherwise it moves on as it is. */
const SETTLE_PERCENT = 85;
/** How often (percent) a painting moves to the other of two families of themes: those of even and of odd place. */
const STRAY_PERCENT = 6;
/** Parts change as a whole: mixtures of single attributes would be too many to come back to. */
const PARTS: readonly (readonly SceneAttribute[])[] = [
  ['subjectCount', 'subjectSize', 'subjectColour', 'subjectShape'],
  ['companionCount', 'companionSize', 'companionColour', 'companionShape', 'relation'],
  ['backdrop', 'backgroundColour', 'secondColour'],
];
/** How often (percent) a scene keeps the part that its theme is in the habit of keeping; otherwise any. */
const HABIT_PERCENT = 80;
/** Where a theme leads, as steps through the list of themes: onwards only, so that short ways back are rare. */
const SUCCESSORS = [2, 6, 10];

/**
 * Makes a whole scene of what a prompt says, and drifts. What is open comes from the theme most like the prompt; a
 * prompt that names no background is painted so. One that does, as descriptions of pictures do, changes: strange scenes
 * part by part into the theme they are most like, the subject last; mixtures of two themes into the nearer one; and
 * themes into mixtures with a theme that follows. So a feedback loop wanders among some tens of pictures, rather than
 * stand still or never come back.
 */
export function imagine(sketch: Sketch, random: Random): Scene {
  const home = nearestTheme(sketch.scene, random);
  const theme = THEMES[home]!;
  const scene: Scene = { ...theme, ...sketch.scene };
  if (!sketch.namesBackground) return visible(scene);
  const strange = PARTS.filter((part) => isStrange(part, scene, theme));
  if (strange.length > 1) return visible(withAttributes(scene, theme, strange.at(-1)!));
  if (strange.length === 1 && random.chance(SETTLE_PERCENT)) return visible(theme);
  const stride = random.pick(SUCCESSORS) + (random.chance(STRAY_PERCENT) ? 1 : 0);
  return visible(moveTowards(scene, THEMES[(home + stride) % THEMES.length]!, home, random));
}

function nearestTheme(said: Partial<Scene>, random: Random): number {
  let fewest = Infinity;
  let nearest: number[] = [];
  for (const [index, theme] of THEMES.entries()) {
    const count = differences(said, theme).length;
    if (count > fewest) continue;
    if (count < fewest) nearest = [];
    fewest = count;
    nearest.push(index);
  }
  return random.pick(nearest);
}

/** Whether a part differs in more than one attribute: a single one may be a describer's slip. */
function isStrange(part: readonly SceneAttribute[], scene: Scene, home: Scene): boolean {
  return part.filter((name) => scene[name] !== home[name]).length > 1;
}

/** Two parts of three change: the result is more like the target than like where it came from. */
function moveTowards(scene: Scene, target: Scene, habit: number, random: Random): Scene {
  const kept = PARTS[random.chance(HABIT_PERCENT) ? habit % PARTS.length : random.below(PARTS.length)]!;
  return withAttributes(scene, target, PARTS.filter((part) => part !== kept).flat());
}

const BACKGROUNDS: readonly Colour[] = ['cream', 'dark blue', 'pale green', 'black', 'turquoise', 'dark red'];
const CENTRES: readonly Colour[] = ['white', 'black', 'yellow'];
/** Shapes that have room for others inside. */
const HOSTS: ReadonlySet<Shape> = new Set<Shape>(['circle', 'square', 'diamond', 'ring']);

/** The scene with what could not be seen changed: shapes stand out from the background, and from what they are inside. */
function visible(scene: Scene): Scene {
  const { companionColour } = scene;
  if (scene.relation === 'inside' && !HOSTS.has(scene.companionShape))
    return visible({ ...scene, relation: 'above' });
  const count = scene.relation === 'inside' ? 1 : scene.companionCount;
  const subjectColour =
    scene.relation !== 'inside' || contrasts(scene.subjectColour, companionColour)
      ? scene.subjectColour
      : CENTRES.find((colour) => contrasts(colour, companionColour))!;
  const seen = (background: Colour): boolean =>
    contrasts(background, companionColour) &&
    (scene.relation === 'inside' || contrasts(background, subjectColour));
  const backgroundColour = seen(scene.backgroundColour)
    ? scene.backgroundColour
    : (BACKGROUNDS.find(seen) ?? scene.backgroundColour);
  const keepsSecond = seen(scene.secondColour) && scene.secondColour !== backgroundColour;
  const backdrop = keepsSecond || scene.backdrop === 'dots' ? scene.backdrop : 'plain';
  return { ...scene, companionCount: count, subjectColour, backgroundColour, backdrop };
}
