/**
 * Compares `ripsPersistence` with giotto-ph, Ripser and GUDHI. From the same float32 distances, the diagrams
 * of degrees 0 to 2 must have exactly the same bars. From the same points they must agree to 1e-5, since the
 * other programs compute slightly different distances. Needs Python 3.11 or 3.12, and half a minute at the
 * first call.
 *
 *   node dist/bench/exactness.js [--count 50] [--seed 1] [--python PATH]
 *
 * `--count` is the number of random cases of each kind. Prints a line for each kind. On any disagreement it
 * writes the case to a file and exits with 1.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ripsPersistence } from '../tda/index.js';
import { CommandError, runCommand } from './common/command.js';
import { CLOUD_DIMENSION, writeCloud } from './common/clouds.js';
import { areClose, areSame, sortedBars, type Diagram } from './exactness/agreement.js';
import { KINDS, ofPoints, seededRandom, type Case } from './exactness/cases.js';
import { mustRun, pythonWithPrograms, script } from './common/python-programs.js';

type Diagrams = readonly Diagram[];
/** Diagrams of the other programs; null for a death at infinity. */
interface Answer {
  readonly distances: Readonly<Record<string, readonly (readonly (number | null)[])[]>>;
  readonly points: Readonly<Record<string, readonly (readonly (number | null)[])[]>>;
}

const POINTS_TOLERANCE = 1e-5;
/**
 * Clouds and their numbers of points. For a cloud whose distances are all alike, the number is one for which
 * the other programs take seconds.
 */
const CLOUDS = [
  ['drift', 150],
  ['attractor', 150],
  ['limit_cycle', 150],
  ['iid', 60],
  ['iid', 90],
  ['iid', 120],
] as const;

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '50' },
      seed: { type: 'string', default: '1' },
      python: { type: 'string' },
    },
  });
  const count = wholeNumber('count', values.count);
  const seed = wholeNumber('seed', values.seed);
  const python = pythonWithPrograms(values.python);
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-exactness-'));
  let disagreements = 0;
  try {
    for (const [k, [kind, make]] of Object.entries(KINDS).entries()) {
      const random = seededRandom(seed * 1000 + k);
      const cases = Array.from({ length: count }, () => make(random));
      disagreements += await compare(kind, cases, answersOfOthers(python, folder, cases), seed);
    }
    for (const [family, pointCount] of CLOUDS) {
      const bytes = readFileSync(writeCloud(python, folder, family, pointCount, seed));
      const points = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      const cases = [ofPoints(points, CLOUD_DIMENSION)];
      const kind = `${family}, ${pointCount} points`;
      disagreements += await compare(kind, cases, answersOfOthers(python, folder, cases), seed);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (disagreements > 0) process.exitCode = 1;
});

/** Prints a line, and more on a disagreement. Returns how many cases disagree. */
async function compare(
  kind: string,
  cases: readonly Case[],
  answers: readonly Answer[],
  seed: number,
): Promise<number> {
  let different = 0;
  let bars = 0;
  for (const [k, filtration] of cases.entries()) {
    const { distances, maxEdgeLength, cloud } = filtration;
    const { diagrams } = await ripsPersistence({ distances }, { maxEdgeLength });
    bars += diagrams.reduce((sum, diagram) => sum + diagram.length / 2, 0);
    const found: string[] = [];
    for (const [program, theirs] of Object.entries(answers[k]!.distances)) {
      found.push(...differences(program, diagrams, infinite(theirs), areSame));
    }
    if (cloud !== undefined) {
      const fromPoints = await ripsPersistence(cloud, { maxEdgeLength });
      found.push(...differences('ours from points', diagrams, fromPoints.diagrams, areSame));
      for (const [program, theirs] of Object.entries(answers[k]!.points)) {
        const close = (a: Diagram, b: Diagram): boolean => areClose(a, b, POINTS_TOLERANCE);
        found.push(...differences(`${program} from points`, fromPoints.diagrams, infinite(theirs), close));
      }
    }
    if (found.length > 0) {
      different++;
      report(kind, k, seed, filtration, found);
    }
  }
  const programs = Object.keys(answers[0]?.distances ?? {}).join('; ');
  const fromPoints = Object.keys(answers[0]?.points ?? {});
  const pointsToo = fromPoints.length === 0 ? '' : `; from points: ${fromPoints.join('; ')}`;
  console.log(
    `${kind}: ${cases.length} compared, ${bars} bars, ${different} disagreements (${programs}${pointsToo})`,
  );
  return different;
}

/** Runs one Python for all cases. Longest edges are given as float32, since they are rounded to it. */
function answersOfOthers(python: string, folder: string, cases: readonly Case[]): Answer[] {
  const inputs = mkdtempSync(join(folder, 'cases-'));
  const list = cases.map(({ pointCount, maxEdgeLength, cloud }) => [
    pointCount,
    maxEdgeLength === Infinity ? null : Math.fround(maxEdgeLength),
    maxEdgeLength === Infinity && cloud !== undefined ? cloud.dimension : 0,
  ]);
  writeFileSync(join(inputs, 'cases.json'), JSON.stringify(list));
  for (const [k, { distances, cloud }] of cases.entries()) {
    writeFileSync(join(inputs, `${k}.distances`), distances);
    if (cloud !== undefined) writeFileSync(join(inputs, `${k}.points`), cloud.points);
  }
  const lines = mustRun(
    python,
    ['-W', 'ignore', script('exactness/reference.py'), inputs],
    'the other programs gave no diagrams',
  );
  rmSync(inputs, { recursive: true });
  return lines
    .trim()
    .split('\n')
    .map((line): Answer => JSON.parse(line));
}

function infinite(diagrams: readonly (readonly (number | null)[])[]): Diagrams {
  return diagrams.map((diagram) => diagram.map((value) => value ?? Infinity));
}

function differences(
  program: string,
  ours: Diagrams,
  theirs: Diagrams,
  agree: (a: Diagram, b: Diagram) => boolean,
): string[] {
  return ours.flatMap((diagram, degree) => {
    const other = theirs[degree] ?? [];
    if (agree(diagram, other)) return [];
    return [`  ${program}, degree ${degree}: ours ${shown(diagram, other)}, theirs ${shown(other, diagram)}`];
  });
}

/** The bars of a diagram that the other diagram lacks. */
function shown(diagram: Diagram, other: Diagram): string {
  const rest = sortedBars(other).map(String);
  const own = sortedBars(diagram).filter((bar) => {
    const at = rest.indexOf(String(bar));
    if (at === -1) return true;
    rest.splice(at, 1);
    return false;
  });
  const bars = own.slice(0, 4).map(([birth, death]) => `[${birth}, ${death})`);
  return own.length === 0
    ? 'none besides'
    : `${bars.join(' ')}${own.length > 4 ? ` and ${own.length - 4} more` : ''}`;
}

function report(kind: string, k: number, seed: number, filtration: Case, found: readonly string[]): void {
  const kept = join(tmpdir(), 'panic-tda-disagreements');
  mkdirSync(kept, { recursive: true });
  const file = join(kept, `${kind.replaceAll(/\W+/g, '-')}-${seed}-${k}.json`);
  const { pointCount, distances, maxEdgeLength } = filtration;
  const numbers = Array.from(distances, (distance) => (distance === Infinity ? null : distance));
  writeFileSync(file, JSON.stringify({ pointCount, maxEdgeLength, distances: numbers }));
  console.log(
    `${kind}, case ${k} of seed ${seed}: ${pointCount} points, longest edge ${maxEdgeLength} (${file})`,
  );
  console.log(found.join('\n'));
}

function wholeNumber(option: string, word: string): number {
  const value = Number(word);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new CommandError(`--${option} is ${word}; expected a whole number of at least 1`);
}
