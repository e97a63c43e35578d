import { beforeAll, expect, test } from '@jest/globals';
import type { FaultPoint } from '../../common/fault.js';
import { sideBySide } from '../support/side-by-side.js';
import { digestOf, violations, wrongNumbers } from '../support/store-checks.js';
import { undisturbedDigest } from '../support/undisturbed.js';
import { drill, DRILL_EXPERIMENT, NULL_MODEL_EXPERIMENT, TRAJECTORIES_EXPERIMENT } from './drill.js';
import type { Drill, Fault } from './drill.js';

/** A worker dies at a hit of a point. */
export interface KillPoint {
  readonly name: string;
  readonly point: FaultPoint;
  readonly fault: Fault;
  readonly file: unknown;
}

/** Several deaths of workers in one experiment. */
interface Series {
  readonly name: string;
  readonly points: readonly KillPoint[];
}

function killPoint(point: FaultPoint, hit: number, how: Way = 'at once'): KillPoint {
  const { name, stepByStep, file } = WAYS[how];
  return { name: `${point} hit ${hit}${name}`, point, fault: { fault: `${point}@${hit}`, stepByStep }, file };
}

/** What a worker does when it dies. */
const WAYS = {
  'at once': { name: '', stepByStep: false, file: DRILL_EXPERIMENT },
  /** Each step and each later stage has an activity of its own. A short run needs none of these otherwise. */
  'step by step': { name: ', step by step', stepByStep: true, file: DRILL_EXPERIMENT },
  /** Four surrogates for each of eight diagrams. */
  'null model': { name: ', with a null model', stepByStep: false, file: NULL_MODEL_EXPERIMENT },
  'null model, step by step': {
    name: ', with a null model, step by step',
    stepByStep: true,
    file: NULL_MODEL_EXPERIMENT,
  },
  /** Without embedding models, `advanceRun` itself marks a run finished, some time after its last step. */
  trajectories: { name: ', trajectories alone', stepByStep: false, file: TRAJECTORIES_EXPERIMENT },
} as const;
type Way = keyof typeof WAYS;

/**
 * By day, a worker that takes the place of a dead one dies at the next point. The order is that in which an
 * experiment reaches the points. Each worker counts its own hits.
 */
const BY_DAY: readonly Series[] = [
  {
    name: 'a null model, at last with an activity for each step',
    points: [
      killPoint('plan:before-commit', 1, 'null model'),
      killPoint('object:before-write', 2, 'null model'),
      killPoint('object:after-write', 5, 'null model'),
      killPoint('invocation:after-commit', 13, 'null model'),
      killPoint('vectors:before-commit', 2, 'null model, step by step'),
      killPoint('surrogate:before-commit', 6, 'null model, step by step'),
      killPoint('diagram:before-return', 1, 'null model, step by step'),
      killPoint('finish:after-commit', 1, 'null model, step by step'),
    ],
  },
  {
    // The vectors of prompts are written once, together. Numbers of a run are written before its diagram.
    name: 'the vectors of prompts, then the numbers of a run',
    points: [
      killPoint('prompts:before-commit', 1),
      killPoint('statistics:after-commit', 1),
      killPoint('statistics:before-commit', 1, 'step by step'),
    ],
  },
];

/** By night, each point has an experiment of its own, also each of the day. */
const BY_NIGHT: readonly Series[] = [
  ...BY_DAY.flatMap(({ points }) => points),
  killPoint('plan:after-commit', 1),
  ...[1, 5].map((hit) => killPoint('object:before-write', hit)),
  ...[1, 2].map((hit) => killPoint('object:after-write', hit)),
  ...[1, 2, 3, 13].map((hit) => killPoint('invocation:before-commit', hit)),
  ...[1, 2, 3].map((hit) => killPoint('invocation:after-commit', hit)),
  ...[1, 2, 4].map((hit) => killPoint('invocations:before-return', hit)),
  ...[1, 3].map((hit) => killPoint('vectors:before-commit', hit)),
  ...[1, 3].map((hit) => killPoint('vectors:after-commit', hit)),
  ...[1, 8].map((hit) => killPoint('statistics:before-commit', hit)),
  ...[3, 8].map((hit) => killPoint('statistics:after-commit', hit)),
  ...[1, 3].map((hit) => killPoint('diagram:before-commit', hit)),
  ...[1, 4, 8].map((hit) => killPoint('diagram:after-commit', hit)),
  killPoint('finish:before-commit', 1),
  killPoint('invocation:after-commit', 2, 'step by step'),
  ...[1, 30].map((hit) => killPoint('invocations:before-return', hit, 'step by step')),
  killPoint('prompts:after-commit', 1),
  killPoint('vectors:before-commit', 1, 'step by step'),
  killPoint('prompts:after-commit', 1, 'step by step'),
  killPoint('embedding:before-return', 1, 'step by step'),
  killPoint('embedding:before-return', 3, 'null model, step by step'),
  killPoint('statistics:after-commit', 2, 'step by step'),
  killPoint('statistics:after-commit', 1, 'null model, step by step'),
  killPoint('diagram:before-commit', 1, 'step by step'),
  ...[1, 8].map((hit) => killPoint('diagram:before-return', hit, 'step by step')),
  killPoint('diagram:after-commit', 2, 'null model'),
  killPoint('surrogate:before-commit', 1, 'null model'),
  ...[1, 32].map((hit) => killPoint('surrogate:after-commit', hit, 'null model')),
  ...[12, 40].map((hit) => killPoint('invocation:after-commit', hit, 'trajectories')),
  ...[1, 4].map((hit) => killPoint('invocations:before-return', hit, 'trajectories')),
].map((point) => ({ name: point.name, points: [point] }));

const SERIES = { day: BY_DAY, night: BY_NIGHT };

/** The points at which workers die by day, or by night. */
export function killPoints(when: keyof typeof SERIES): KillPoint[] {
  return SERIES[when].flatMap(({ points }) => points);
}

// A drill mostly waits for a heartbeat to time out, so several run side by side.
const SIDE_BY_SIDE = 6;

/** Makes a test for each series of deaths of the day, or of the night. */
export function testKillPoints(when: keyof typeof SERIES): void {
  const all = SERIES[when];
  let outcome: (name: string) => Promise<Drill>;

  beforeAll(() => {
    outcome = sideBySide(
      SIDE_BY_SIDE,
      all.map(({ name, points }) => ({
        name,
        task: () =>
          drill(
            name,
            points.map(({ fault }) => fault),
            points[0]!.file,
          ),
      })),
    );
  });

  test.each(
    all.map(({ name, points }) => ({ name, points, places: points.map((point) => point.name).join('; ') })),
  )('SIGKILL at $places leaves the rows of an undisturbed experiment', async ({ name, points }) => {
    const { data, fired, deaths, result } = await outcome(name);
    expect(fired).toEqual(points.map(({ fault }) => fault.fault));
    expect(deaths).toHaveLength(points.length);
    expect(await violations(data)).toEqual([]);
    expect(await wrongNumbers(data)).toEqual([]);
    expect(result.status).toBe('completed');
    expect(await digestOf(data, result.experiment)).toBe(await undisturbedDigest(points[0]!.file));
  });
}
