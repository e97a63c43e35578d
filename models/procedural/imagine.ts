import type { Random } from '../random.js';
import { type Colour, contrasts } from './palette.js';
import type { Sketch } from './read-prompt.js';
import { differences, type Scene, type SceneAttribute, type Shape, withAttributes } from './scene.js';
import { THEMES } from './themes.js';

/** How often (percent) a mixture of themes becomes the theme that it is most like. Otherwise it moves on. */
const SETTLE_PERCENT = 85;
/**
 * How often (percent) a painting moves to the other of two families of themes: those at even and at odd places of
 * the list.
 */
const STRAY_PERCENT = 6;
/** A part changes as a whole. Mixtures of single attributes would be too many for a loop to come back to. */
const PARTS: readonly (readonly SceneAttribute[])[] = [
  ['subjectCount', 'subjectSize', 'subjectColour', 'subjectShape'],
  ['companionCount', 'companionSize', 'companionColour', 'companionShape', 'relation'],
  ['backdrop', 'backgroundColour', 'secondColour'],
];
/** How often (percent) a scene keeps the part that its theme prefers to keep. Otherwise it keeps any part. */
const HABIT_PERCENT = 80;
/**
 * The themes that may follow a theme, as steps through the list of themes. All steps lead onwards, so that short
 * ways back are rare.
 */
const SUCCESSORS = [2, 6, 10];

/**
 * Makes a whole scene of a prompt, and drifts. The theme most like the prompt fills in what the prompt leaves open.
 * A prompt that names no background is painted so. A prompt that names one, as descriptions of pictures do,
 * changes. A strange scene becomes, part by part, the theme that it is most like, the subject last. A mixture of
 * two themes becomes the nearer one. A theme becomes a mixture with a theme that follows. So a feedback loop
 * wanders among some tens of pictures; it neither stands still nor never comes back.
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

/** Whether a part differs in more than one attribute. A single difference may be a slip of the describer. */
function isStrange(part: readonly SceneAttribute[], scene: Scene, home: Scene): boolean {
  return part.filter((name) => scene[name] !== home[name]).length > 1;
}

/** Changes two parts of three, so that the result is more like the target than like the scene that it comes from. */
function moveTowards(scene: Scene, target: Scene, habit: number, random: Random): Scene {
  const kept = PARTS[random.chance(HABIT_PERCENT) ? habit % PARTS.length : random.below(PARTS.length)]!;
  return withAttributes(scene, target, PARTS.filter((part) => part !== kept).flat());
}

const BACKGROUNDS: readonly Colour[] = ['cream', 'dark blue', 'pale green', 'black', 'turquoise', 'dark red'];
const CENTRES: readonly Colour[] = ['white', 'black', 'yellow'];
/** Shapes that have room for others inside. */
const HOSTS: ReadonlySet<Shape> = new Set<Shape>(['circle', 'square', 'diamond', 'ring']);

/**
 * The scene, with each thing changed that would not be visible: a shape must stand out from the background, or from
 * the shape around it.
 */
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
