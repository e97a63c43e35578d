import { beforeAll, expect, test } from '@jest/globals';
import { FAULT_POINTS } from '../../common/fault.js';
import type { FaultPoint } from '../../common/fault.js';
import { sideBySide } from '../support/side-by-side.js';
import { digestOf, violations } from '../support/store-checks.js';
import { drill, NULL_MODEL_EXPERIMENT, TRAJECTORIES_EXPERIMENT } from './drill.js';
import type { Drill } from './drill.js';

/** At which hits of a point a worker dies: by day in `npm test`, by night in `npm run test:night`. */
interface Hits {
  readonly day: readonly number[];
  readonly night: readonly number[];
}
type HitsOfPoints = Readonly<Partial<Record<FaultPoint, Hits>>>;

export interface KillPoint {
  readonly name: string;
  readonly point: FaultPoint;
  readonly when: 'day' | 'night';
  readonly fault: string;
  readonly options: Parameters<typeof drill>[2];
}

/** A point that an experiment reaches once has one hit. */
const HITS: HitsOfPoints = {
  'plan:before-commit': { day: [1], night: [] },
  'plan:after-commit': { day: [], night: [1] },
  'object:before-write': { day: [2], night: [1, 5] },
  'object:after-write': { day: [5], night: [1, 2] },
  'invocation:before-commit': { day: [], night: [1, 2, 3, 13] },
  'invocation:after-commit': { day: [13], night: [1, 2, 3] },
  'invocations:before-return': { day: [], night: [1, 2, 4] },
  'vectors:before-commit': { day: [3], night: [1] },
  'vectors:after-commit': { day: [], night: [1, 3] },
  'diagram:before-commit': { day: [], night: [1, 3] },
  'diagram:after-commit': { day: [8], night: [1] },
  'finish:before-commit': { day: [], night: [1] },
  'finish:after-commit': { day: [1], night: [] },
};

/**
 * Hits when each step and each later stage has an activity of its own. A short run needs none of these
 * otherwise.
 */
const STEP_BY_STEP_HITS: HitsOfPoints = {
  'invocation:after-commit': { day: [], night: [2] },
  'invocations:before-return': { day: [30], night: [1] },
  'vectors:before-commit': { day: [], night: [1] },
  'embedding:before-return': { day: [3], night: [1] },
  'diagram:before-commit': { day: [], night: [1] },
  'diagram:before-return': { day: [1], night: [8] },
};

/** Hits with a null model: four surrogates for each of eight diagrams. */
const NULL_MODEL_HITS: HitsOfPoints = {
  'diagram:after-commit': { day: [], night: [2] },
  'surrogate:before-commit': { day: [6], night: [1] },
  'surrogate:after-commit': { day: [], night: [1, 32] },
};

/** Without embedding models, `advanceRun` itself marks a run finished, some time after its last step. */
const TRAJECTORIES_HITS: HitsOfPoints = {
  'invocation:after-commit': { day: [], night: [12, 40] },
  'invocations:before-return': { day: [4], night: [1] },
};

export const KILL_POINTS: readonly KillPoint[] = [
  ...killPointsOf(HITS, ''),
  ...killPointsOf(STEP_BY_STEP_HITS, ', step by step', { stepByStep: true }),
  ...killPointsOf(NULL_MODEL_HITS, ', with a null model', { file: NULL_MODEL_EXPERIMENT }),
  ...killPointsOf(TRAJECTORIES_HITS, ', trajectories alone', { file: TRAJECTORIES_EXPERIMENT }),
];

function killPointsOf(points: HitsOfPoints, how: string, options: KillPoint['options'] = {}): KillPoint[] {
  return FAULT_POINTS.flatMap((point) =>
    (['day', 'night'] as const).flatMap((when) =>
      (points[point]?.[when] ?? []).map((hit) => ({
        name: `${point} hit ${hit}${how}`,
        point,
        when,
        fault: `${point}@${hit}`,
        options,
      })),
    ),
  );
}

// A drill mostly waits for a heartbeat to time out, so several run side by side.
const SIDE_BY_SIDE = 6;

/** Makes a test for each drill of the day, or of the night. */
export function testKillPoints(when: KillPoint['when']): void {
  const drills = KILL_POINTS.filter((point) => point.when === when);
  let outcome: (name: string) => Promise<Drill>;
  let undisturbed: readonly Drill[];
  /** By experiment. */
  const undisturbedDigests = new Map<string, string>();

  beforeAll(async () => {
    undisturbed = await Promise.all([
      drill('undisturbed', null),
      drill('undisturbed with a null model', null, { file: NULL_MODEL_EXPERIMENT }),
      drill('undisturbed trajectories', null, { file: TRAJECTORIES_EXPERIMENT }),
    ]);
    for (const { data, result } of undisturbed) {
      undisturbedDigests.set(result.experiment, await digestOf(data, result.experiment));
    }
    outcome = sideBySide(
      SIDE_BY_SIDE,
      drills.map(({ name, fault, options }) => ({ name, task: () => drill(name, fault, options) })),
    );
  });

  test('the undisturbed runs keep every invariant', async () => {
    for (const { data, result } of undisturbed) {
      expect(result.status).toBe('completed');
      expect(await violations(data)).toEqual([]);
    }
  });

  test.each(drills)('SIGKILL at $name leaves the rows of an undisturbed run', async ({ name }) => {
    const { data, fired, deaths, result } = await outcome(name);
    expect({ fired, deaths: deaths.length, status: result.status }).toEqual({
      fired: true,
      deaths: 1,
      status: 'completed',
    });
    expect(await violations(data)).toEqual([]);
    expect(await digestOf(data, result.experiment)).toBe(undisturbedDigests.get(result.experiment));
  });
}
