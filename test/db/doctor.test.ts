import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { NO_DRIVER } from '../../db/tables/driver-service.js';
import { findOrphans, INVARIANTS, mend, removeOrphan, RepairPlan } from '../../db/doctor/index.js';
import { experimentId } from '../../experiment/ids.js';
import { isOnPostgres, sameOnBoth, soundPlace, tried } from './places.js';
import type { Violation } from '../../db/doctor/index.js';
import type { Sound } from './place.js';
import { config, configWithSurrogates, finishExperiment, NOW } from '../support/small-experiment.js';
import { meansOf, named, Patient } from './patient.js';
import { storedBytes } from '../support/stored-bytes.js';

// Runs 0 and 1 have a fixed seed and end at a cycle; runs 2 and 3 have seed -1 and all of their 12 steps.
// Even steps are pictures, odd ones captions.
let sound: Sound;
let experiment: string;
/** What the tests of a group copy, if it is not `sound`. */
let another: Sound | null = null;
let patient: Patient;

beforeAll(async () => {
  sound = await soundPlace(config);
  ({ experiment } = sound);
});
afterAll(() => sound.remove());
beforeEach(async () => {
  const copied = another ?? sound;
  patient = new Patient(await copied.copy(), copied.experiment);
});
afterEach(() => patient.discard());

describe('a sound store', () => {
  test('has no violation, as a whole and by experiment', async () => {
    expect(await patient.violations()).toEqual([]);
    expect(await patient.violations({ experiment })).toEqual([]);
  });

  test('has none while nothing is finished, or if runs continue at cycles', async () => {
    await finishExperiment(patient.store, { ...config, on_cycle: 'continue' });
    const another = { ...config, name: 'another' };
    await patient.store.experiments.plan(experimentId(another), another, NOW);
    expect(await patient.violations()).toEqual([]);
  });

  test('is not changed by a check', async () => {
    const before = await patient.place.rows();
    await patient.violations();
    expect(await patient.place.rows()).toEqual(before);
  });

  test('can be written during a check, which sees it as it was', async () => {
    const begun: Promise<void>[] = [];
    const onProgress = () => {
      if (begun.length === 0) begun.push(patient.change('delete from embeddings'));
    };
    expect(await patient.violations({ onProgress })).toEqual([]);
    expect(begun).toHaveLength(1);
    await Promise.all(begun);
    expect(await patient.violations()).not.toEqual([]);
  });
});

// The rows that the corruptions below change.
const embeddingOfCaption = async () =>
  `3 embeddings ${await patient.step(2, 5)}/${await patient.model('TextPoints')}`;

async function writeVector(id: number, bytes: Buffer) {
  const sha256 = createHash('sha256').update(bytes).digest();
  await patient.change('update vectors set bytes = ?, sha256 = ? where id = ?', bytes, sha256, id);
}

const floats = (...values: number[]) => Buffer.from(new Float32Array(values).buffer);

const diagram = async () => patient.diagram(2, 'ImagePoints');

const picture = async () => patient.output(2, 0);

async function experimentWith(assignment: string) {
  await patient.change(`update experiments set ${assignment}`);
  return [`6 experiments ${experiment}`];
}

async function vectorWith(...values: number[]) {
  const id = await patient.vector(2, 0);
  await writeVector(id, floats(...values));
  return [`3 vectors ${id}`, `4 diagrams ${await patient.diagram(2, 'ImagePoints')}`];
}

async function diagramWith(assignment: string, ...values: unknown[]) {
  await patient.change(`update diagrams set ${assignment} where id = ?`, ...values, await diagram());
  return [`4 diagrams ${await diagram()}`];
}

async function diagramWithBars(edit: (bars: Float32Array) => void) {
  const stored = storedBytes(
    await patient.one(
      'select bars from diagram_dimensions where dimension = 0 and diagram_id = ?',
      await diagram(),
    ),
  );
  const values = new Float32Array(new Uint8Array(stored).buffer);
  edit(values);
  await patient.change(
    'update diagram_dimensions set bars = ? where dimension = 0 and diagram_id = ?',
    Buffer.from(values.buffer),
    await diagram(),
  );
  return [`4 diagram_dimensions ${await diagram()}/0`];
}

async function dimensionWith(assignment: string, ...values: unknown[]) {
  const where = 'where dimension = 0 and diagram_id = ?';
  await patient.change(`update diagram_dimensions set ${assignment} ${where}`, ...values, await diagram());
  return [`4 diagram_dimensions ${await diagram()}/0`];
}

/**
 * The result of the repairs. `mended`: as it was. `cut`: only if steps may be given up, and as it was after
 * they are made again. `anew`: a drawn seed is lost with everything that cannot be proven. `lost`: only a
 * copy of the store helps.
 */
type Prospect = 'mended' | 'cut' | 'anew' | 'lost';

type Corruption = readonly [title: string, corrupt: () => Promise<readonly string[]>, prospect?: Prospect];

function corruptions(list: readonly Corruption[]): void {
  test.each(tried(list))('%s', async (_, corrupt, prospect = 'mended') => {
    const expected = patient.found(await corrupt());
    const violations = await patient.violations();
    expect(named(violations).sort()).toEqual(expected.map((name) => name.replace('!', '')).sort());
    const ofExperiment = expected.filter((name) => !isOfTheFile(name));
    const deep = expected.some((name) => name.startsWith('5 '));
    expect(named(await patient.violations({ experiment, deep })).sort()).toEqual(ofExperiment.sort());
    await expectMended(violations, prospect);
  });
}

/**
 * Corruptions that the same query finds and the same repair mends as one beside them: a copy of a Postgres
 * database takes too long for each.
 */
function variants(list: readonly Corruption[]): readonly Corruption[] {
  return isOnPostgres() ? [] : list;
}

/** `found` are the violations of the store. */
async function expectMended(found: readonly Violation[], prospect: Prospect): Promise<void> {
  let { left } = await patient.mendFound(found);
  if (prospect !== 'mended') expect(left).not.toEqual([]);
  if (prospect === 'lost') return;
  if (prospect !== 'mended') ({ left } = await patient.mendFound(left, { cutBack: true }));
  expect(left).toEqual([]);
  const { resumed, digest } = await patient.resume();
  if (resumed) expect(await patient.violations()).toEqual([]);
  if (prospect === 'anew') expect(digest).not.toBe(sound.digest);
  else expect(digest).toBe(sound.digest);
}

/**
 * Found by the check of the whole file (`6!` for the experiment's row), which the check of one experiment
 * leaves out.
 */
function isOfTheFile(name: string): boolean {
  return name.startsWith('6! ') || (name.startsWith('6 ') && name !== `6 experiments ${experiment}`);
}

describe(`invariant 0: ${INVARIANTS[0]}`, () => {
  corruptions([
    [
      'the last run is missing',
      async () => {
        await patient.remove('delete from runs where run_index = 3');
        return [`0 runs ${experiment}/3`];
      },
      'anew',
    ],
    [
      'runs in the middle are missing',
      async () => {
        await patient.remove('delete from runs where run_index in (1, 2)');
        return [`0 runs ${experiment}/1..2`];
      },
      'anew',
    ],
    [
      'a run is there twice',
      async () => {
        await patient.sql('drop index runs_identity');
        const id = await patient.run(3);
        await patient.change('update runs set run_index = 1 where id = ?', id);
        // Its seed is -1, and the plan's seed for run 1 is fixed. The doctor reports once that the run exists
        // twice.
        return [`0 runs ${experiment}/3`, `0 runs ${id}`, '6 runs runs_identity'];
      },
      'anew',
    ],
    [
      'a run is not of the plan',
      async () => {
        await patient.change('update runs set run_index = 4 where run_index = 3');
        return [`0 runs ${experiment}/3`, `0 runs ${await patient.run(4)}`];
      },
      'anew',
    ],
    [
      'a run has another seed',
      async () => {
        await patient.change('update runs set seed = 8 where run_index = 0');
        const run = await patient.run(0);
        const steps = await patient.steps(0);
        return [`0 runs ${run}`, ...steps.map((step) => `2 invocations ${step}`)];
      },
    ],
    [
      'a run has another network',
      async () => {
        await patient.change(`update runs set network = '["Painter","Scribe"]' where run_index = 3`);
        const captions = (await patient.steps(3)).filter((_, sequence) => sequence % 2 === 1);
        return [`0 runs ${await patient.run(3)}`, ...captions.map((step) => `2 invocations ${step}`)];
      },
    ],
    [
      'a network cannot be read',
      async () => {
        await patient.change(`update runs set network = '[]' where run_index = 3`);
        return [`0 runs ${await patient.run(3)}`, `6 runs ${await patient.run(3)}`];
      },
    ],
    [
      'a run has the prompt of another',
      async () => {
        await patient.change(
          'update runs set prompt_id = (select prompt_id from runs where run_index = 2) where run_index = 3',
        );
        return [`0 runs ${await patient.run(3)}`, `2 invocations ${await patient.step(3, 0)}`];
      },
    ],
    [
      'a run has another max_length',
      async () => {
        await patient.change('update runs set max_length = 20 where run_index = 0');
        return [`0 runs ${await patient.run(0)}`];
      },
    ],
    [
      'a run of seed -1 has lost its drawn seed',
      async () => {
        await patient.change('update runs set drawn_seed = null where run_index = 2');
        return [`0 runs ${await patient.run(2)}`, `6 runs ${await patient.run(2)}`];
      },
      'anew',
    ],
    [
      'the number of runs is not that of the config',
      async () => {
        await patient.change('update experiments set run_count = 5');
        return [`0 experiments ${experiment}`];
      },
    ],
    [
      'the config is not the one that the id was made from',
      async () => {
        await patient.change(`update experiments set config = json_set(config, '$.max_length', 13)`);
        return [`0 experiments ${experiment}`];
      },
      'lost',
    ],
    [
      'the config cannot be read',
      async () => {
        await patient.change(`update experiments set config = '{'`);
        return [`0 experiments ${experiment}`, `6! experiments ${experiment}`];
      },
      'lost',
    ],
  ]);
});

describe(`invariant 1: ${INVARIANTS[1]}`, () => {
  corruptions([
    [
      'a step is missing in the middle',
      async () => {
        await patient.remove(`delete from invocations where id = ${await patient.step(2, 5)}`);
        return [
          `1 invocations ${await patient.step(2, 6)}`,
          `1 runs ${await patient.run(2)}`,
          `1 runs ${await patient.run(2)}`,
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
        ];
      },
    ],
    [
      'the last step is missing',
      async () => {
        await patient.remove(`delete from invocations where id = ${await patient.step(2, 11)}`);
        return [
          `1 runs ${await patient.run(2)}`,
          `1 runs ${await patient.run(2)}`,
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
        ];
      },
    ],
    [
      'a step is there twice',
      async () => {
        await patient.sql('drop index invocations_step');
        const copied = `run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at`;
        await patient.change(
          `insert into invocations (${copied}) select ${copied} from invocations where id = ?`,
          await patient.step(2, 11),
        );
        const copy = Number(await patient.one('select max(id) from invocations'));
        return [
          `1 invocations ${copy}`,
          `1 runs ${await patient.run(2)}`,
          `1 runs ${await patient.run(2)}`,
          `1 runs ${await patient.run(2)}`,
          `3 invocations ${copy}`,
          '6 invocations invocations_step',
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
        ];
      },
      'cut',
    ],
    [
      'a finished run has no stop reason',
      async () => {
        await patient.change('update runs set stop_reason = null, length = null where run_index = 2');
        return [
          `1 runs ${await patient.run(2)}`,
          `1 runs ${await patient.run(2)}`,
          `6 runs ${await patient.run(2)}`,
        ];
      },
    ],
    [
      'a length is not the number of steps',
      async () => {
        await patient.change('update runs set length = 11 where run_index = 2');
        return [`1 runs ${await patient.run(2)}`, `6 runs ${await patient.run(2)}`];
      },
    ],
    [
      'a run stopped at a cycle without naming it',
      async () => {
        await patient.change('update runs set cycle_start = null, cycle_length = null where run_index = 0');
        return [`1 runs ${await patient.run(0)}`, `6 runs ${await patient.run(0)}`];
      },
    ],
    [
      'a cycle is not one',
      async () => {
        await patient.change(
          `update runs set cycle_start = cycle_start + 1, cycle_length = cycle_length - 1 where run_index = 0`,
        );
        const run = `1 runs ${await patient.run(0)}`;
        // The cycle is no whole round of the network, and its outputs differ.
        return [run, run, `6 runs ${await patient.run(0)}`];
      },
    ],
    [
      'a run of seed -1 has a cycle',
      async () => {
        await patient.change('update runs set cycle_start = 1, cycle_length = 12 where run_index = 2');
        const run = `1 runs ${await patient.run(2)}`;
        // The run has seed -1 and no repeat, and it did not stop there.
        return [run, run, run, `6 runs ${await patient.run(2)}`];
      },
    ],
    [
      'half a cycle',
      async () => {
        await patient.change('update runs set cycle_start = 1 where run_index = 2');
        return [`1 runs ${await patient.run(2)}`, `6 runs ${await patient.run(2)}`];
      },
    ],
    [
      'a step is marked as filled in from a cycle that is not known there',
      async () => {
        const fill = `update invocations set source = 'cycle', host_id = null, batch_size = null, compute_ms = null where id = ?`;
        await patient.change(fill, await patient.step(2, 4));
        await patient.change(fill, await patient.step(0, 1));
        return [`1 invocations ${await patient.step(2, 4)}`, `1 invocations ${await patient.step(0, 1)}`];
      },
      'cut',
    ],
  ]);

  sameOnBoth(() => {
    test('steps filled in from a cycle are those of the cycle', async () => {
      const continued = { ...config, on_cycle: 'continue' } as const;
      const id = await finishExperiment(patient.store, continued);
      const run = await patient.store.runs.get(id, 0);
      const filled = run.cycleStart! + run.cycleLength! + 1;
      const last = await patient.one('select id from invocations where run_id = ? and sequence = 11', run.id);
      expect(filled).toBeLessThan(11);
      expect(await patient.one('select source from invocations where id = ?', last)).toBe('cycle');
      await patient.change('update invocations set output_id = ? where id = ?', run.promptId, last);
      expect(named(await patient.violations({ experiment: id }))).toContain(`1 invocations ${String(last)}`);
    });
  });
});

describe(`invariant 2: ${INVARIANTS[2]}`, () => {
  corruptions([
    [
      'an input is not the output before it',
      async () => {
        await patient.change(
          'update invocations set input_id = ? where id = ?',
          await patient.one('select prompt_id from runs where id = ?', await patient.run(2)),
          await patient.step(2, 4),
        );
        return [`2 invocations ${await patient.step(2, 4)}`];
      },
    ],
    [
      'the first input is not the prompt',
      async () => {
        await patient.change(
          'update invocations set input_id = ? where id = ?',
          await patient.output(2, 1),
          await patient.step(2, 0),
        );
        return [`2 invocations ${await patient.step(2, 0)}`];
      },
    ],
    [
      'the output of a step is of another modality',
      async () => {
        await patient.change(
          'update invocations set output_id = ? where id = ?',
          await patient.output(2, 0),
          await patient.step(2, 5),
        );
        const step = `2 invocations ${await patient.step(2, 5)}`;
        const next = `2 invocations ${await patient.step(2, 6)}`;
        // The model of the next step takes no picture, and its input is another artifact.
        const diagrams = [
          `4 diagrams ${await patient.diagram(2, 'ImagePoints')}`,
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
        ];
        return [
          step,
          next,
          next,
          await embeddingOfCaption(),
          `3 invocations ${await patient.step(2, 5)}`,
          ...diagrams,
        ];
      },
    ],
    [
      'the output of a step is missing',
      async () => {
        await patient.change(
          'update invocations set output_id = 9999 where id = ?',
          await patient.step(2, 11),
        );
        return [
          `2 invocations ${await patient.step(2, 11)}`,
          `3 embeddings ${await patient.step(2, 11)}/${await patient.model('TextPoints')}`,
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
          `6 invocations ${await patient.step(2, 11)}`,
        ];
      },
      'cut',
    ],
    [
      'a step has the model of another position',
      async () => {
        await patient.change(
          'update invocations set model_id = ? where id = ?',
          await patient.model('Painter'),
          await patient.step(2, 5),
        );
        // The model is not that of its network, and the output is not what that model promises.
        return [`2 invocations ${await patient.step(2, 5)}`, `2 invocations ${await patient.step(2, 5)}`];
      },
    ],
    [
      'a step has an embedding model',
      async () => {
        await patient.change(
          'update invocations set model_id = ? where id = ?',
          await patient.model('TextPoints'),
          await patient.step(2, 5),
        );
        return [`2 invocations ${await patient.step(2, 5)}`];
      },
    ],
    [
      'the model of a step is missing',
      async () => {
        await patient.change('update invocations set model_id = 99 where id = ?', await patient.step(2, 5));
        return [`2 invocations ${await patient.step(2, 5)}`, `6 invocations ${await patient.step(2, 5)}`];
      },
    ],
    [
      'seeds are not those that the run gives',
      async () => {
        await patient.change('update invocations set seed = seed + 1 where id = ?', await patient.step(0, 1));
        await patient.change('update invocations set seed = 7 where id = ?', await patient.step(2, 5));
        return [`2 invocations ${await patient.step(0, 1)}`, `2 invocations ${await patient.step(2, 5)}`];
      },
    ],
    [
      'a caption shows nothing, as older versions let it in',
      async () => {
        await patient.change(
          `update artifacts set text = ? where id = ?`,
          '\u200b',
          await patient.output(2, 5),
        );
        return [`2 artifacts ${await patient.output(2, 5)}`];
      },
    ],
    ...variants([
      [
        'a caption is no UTF-8, as half of a surrogate pair was stored once',
        async () => {
          const id = await patient.output(2, 5);
          await patient.change(`update artifacts set text = cast(x'6120eda0bd' as text) where id = ?`, id);
          // Its digest and its length are wrong.
          return [`5 artifacts ${id}`, `5 artifacts ${id}`];
        },
      ],
    ]),
    [
      'a caption is blank',
      async () => {
        await patient.change(`update artifacts set text = ' ' where id = ?`, await patient.output(2, 5));
        return [`2 artifacts ${await patient.output(2, 5)}`, `6 artifacts ${await patient.output(2, 5)}`];
      },
    ],
  ]);
});

test('a modality that this version does not know is a finding, and its experiment can be mended and deleted', async () => {
  const caption = await patient.output(2, 5);
  await patient.change("update artifacts set modality = 'audio' where id = ?", caption);
  expect(named(await patient.violations())).toContain(`2 artifacts ${caption}`);
  await expect(patient.store.artifacts.load(caption)).rejects.toThrow(/a modality that this version/);
  await patient.mend({ cutBack: true });
  const { deletion } = patient.store;
  await expect(deletion.preview(experiment)).resolves.toMatchObject({ runs: 4 });
  expect(await deletion.begin(experiment, null, NOW)).toBe(true);
  while (!(await deletion.step(experiment)).done);
  await deletion.removeObjects(Date.now);
  await deletion.end(experiment);
  expect(Number(await patient.one('select count(*) from runs'))).toBe(0);
});

describe(`invariant 3: ${INVARIANTS[3]}`, () => {
  corruptions([
    [
      'an output has no vector',
      async () => {
        await patient.change('delete from embeddings where invocation_id = ?', await patient.step(2, 5));
        return [
          `3 invocations ${await patient.step(2, 5)}`,
          `4 diagrams ${await patient.diagram(2, 'TextPoints')}`,
        ];
      },
    ],
    [
      'a vector is missing',
      async () => {
        const vector = await patient.vector(2, 0);
        await patient.change('delete from vectors where id = ?', vector);
        return [
          `3 embeddings ${await patient.step(2, 0)}/${await patient.model('ImagePoints')}`,
          `4 diagrams ${await patient.diagram(2, 'ImagePoints')}`,
          `6 embeddings ${await patient.step(2, 0)}/${await patient.model('ImagePoints')}`,
        ];
      },
    ],
    [
      'a vector belongs to another output',
      async () => {
        await patient.change(
          'update embeddings set vector_id = ? where invocation_id = ?',
          await patient.vector(2, 2),
          await patient.step(2, 0),
        );
        return [
          `3 embeddings ${await patient.step(2, 0)}/${await patient.model('ImagePoints')}`,
          `4 diagrams ${await patient.diagram(2, 'ImagePoints')}`,
        ];
      },
    ],
    ['a vector has a NaN', () => vectorWith(1, NaN, 1)],
    ...variants([
      ['a vector is infinite', () => vectorWith(1, -Infinity, 1)],
      ['a vector is zero', () => vectorWith(0, -0, 0)],
      ['a vector is too short', () => vectorWith(1, 1)],
      ['a vector is too long', () => vectorWith(1, 1, 1, 1)],
      ['a norm is not that of its vector', () => vectorWith(1, 1, 1)],
    ]),
    [
      'a vector does not hash to its digest',
      async () => {
        const id = await patient.vector(2, 0);
        const bytes = storedBytes(await patient.one('select bytes from vectors where id = ?', id));
        await patient.change('update vectors set bytes = ? where id = ?', bytes.toReversed(), id);
        // Reversed bytes are other numbers, of another norm.
        return [`3 vectors ${id}`, `3 vectors ${id}`];
      },
    ],
    [
      'a vector is of a model for the other modality',
      async () => {
        const step = await patient.step(2, 0);
        await patient.change(
          'update vectors set artifact_id = ? where id = ?',
          await patient.output(2, 1),
          await patient.vector(2, 0),
        );
        return [
          `3 embeddings ${step}/${await patient.model('ImagePoints')}`,
          `3 vectors ${await patient.vector(2, 0)}`,
        ];
      },
    ],
  ]);
});

describe(`invariant 4: ${INVARIANTS[4]}`, () => {
  corruptions([
    [
      'a diagram is missing',
      async () => {
        await patient.remove(`delete from diagrams where id = ${await diagram()}`);
        return [`4 runs ${await patient.run(2)}`];
      },
    ],
    [
      'a diagram is of a model that the experiment does not name',
      async () => {
        const id = await diagram();
        await patient.change(
          `insert into models (name, kind, source, revision, settings, input, dimension)
           values ('Others', 'embedding', 'built-in', '1', '{}', 'image', 3)`,
        );
        await patient.change(
          'update diagrams set model_id = ? where id = ?',
          await patient.model('Others'),
          id,
        );
        // The diagram of its own model is missing, the model is unknown, and its points do not exist.
        return [`4 runs ${await patient.run(2)}`, `4 diagrams ${id}`, `4 diagrams ${id}`];
      },
    ],
    ['its points are not those of the run now', () => diagramWith('points_sha256 = zeroblob(32)')],
    [
      'it is made from too few points',
      async () => [...(await diagramWith('point_count = point_count - 1')), `6 diagrams ${await diagram()}`],
    ],
    [
      'its distinct points are miscounted',
      async () => {
        const found = await diagramWith('distinct_point_count = distinct_point_count - 1');
        return [...found, `4 diagram_dimensions ${await diagram()}/0`];
      },
    ],
    [
      'it has another metric',
      async () => [...(await diagramWith(`metric = 'cosine'`)), `6 diagrams ${await diagram()}`],
    ],
    ...variants([['it has another max_edge_length', () => diagramWith('max_edge_length = 1e9')]]),
    [
      'it has another max_dimension',
      async () => [...(await diagramWith('max_dimension = 2')), `4 diagram_dimensions ${await diagram()}/2`],
    ],
    [
      'a dimension is missing',
      async () => {
        await patient.change(
          'delete from diagram_dimensions where dimension = 1 and diagram_id = ?',
          await diagram(),
        );
        return [`4 diagram_dimensions ${await diagram()}/1`];
      },
    ],
    [
      'a dimension is too high',
      async () => {
        await patient.change(
          'update diagram_dimensions set dimension = 2 where dimension = 1 and diagram_id = ?',
          await diagram(),
        );
        return [`4 diagram_dimensions ${await diagram()}/1`, `4 diagram_dimensions ${await diagram()}/2`];
      },
    ],
    [
      'a dimension has fewer bytes than bars',
      async () => [
        ...(await dimensionWith('bars = zeroblob(8)')),
        `6 diagram_dimensions ${await diagram()}/0`,
      ],
    ],
    ['a bar dies before it is born', () => diagramWithBars((values) => void (values[1] = -1))],
    ...variants([
      ['a bar has no length', () => diagramWithBars((values) => void (values[1] = 0))],
      ['a bar has no birth', () => diagramWithBars((values) => void (values[2] = NaN))],
      ['a bar has no death', () => diagramWithBars((values) => void (values[3] = NaN))],
      ['a component is born late', () => diagramWithBars((values) => void (values[2] = 0.5))],
      [
        'bars are not sorted',
        () =>
          diagramWithBars((values) => {
            [values[1], values[3]] = [values[3]!, values[1]!];
          }),
      ],
    ]),
    [
      'no bar lives for ever',
      async () => {
        const [found] = await diagramWithBars((values) => void (values[values.length - 1] = 1e9));
        // The count is wrong, no bar is endless, and the entropy is another.
        return [found!, found!, found!];
      },
    ],
    ['its entropy is not that of its bars', () => dimensionWith('entropy = entropy - 1e-6')],
    ...variants([
      ['finite bars are miscounted', () => dimensionWith('finite_bar_count = finite_bar_count - 1')],
      ['its entropy is impossible', () => dimensionWith('entropy = 100')],
    ]),
    [
      'its entropy is infinite',
      async () => [...(await dimensionWith('entropy = 9e999')), `6 diagram_dimensions ${await diagram()}/0`],
    ],
  ]);

  test('the numbers of a diagram are computed from its bars again, and its run stays finished', async () => {
    await dimensionWith('entropy = entropy - 1e-6');
    const plan = new RepairPlan();
    plan.add({ kind: 'measure diagram', diagram: await diagram() });
    const failed: string[] = [];
    const onFailure = (_: unknown, why: string): void => void failed.push(why);
    expect(await mend(patient.store, plan, meansOf(patient.store), { cutBack: false, onFailure })).toBe(1);
    expect(failed).toEqual([]);
    plan.close();
    expect(await patient.violations()).toEqual([]);
    expect(await patient.store.runs.get(experiment, 2)).toMatchObject({ status: 'finished' });
  });

  sameOnBoth(() => {
    test('bars of a limited filtration end within it, and some need not end', async () => {
      const limited = { ...config, max_edge_length: 60.1 };
      const id = await finishExperiment(patient.store, limited);
      expect(await patient.violations({ experiment: id })).toEqual([]);
      const endless = await patient.one('select max(bar_count - finite_bar_count) from diagram_dimensions');
      expect(endless).toBeGreaterThan(1);
      await patient.change('update diagrams set max_edge_length = 1 where max_edge_length is not null');
      const found = await patient.violations({ experiment: id });
      expect(found.map(({ message }) => message).join('\n')).toMatch(/dies after the longest edge/);
    });

    test('a diagram of a run that is not finished may be stale: it is made again', async () => {
      await patient.change(`update runs set status = 'running' where run_index = 2`);
      await patient.change(
        `update experiments set status = 'running', driver_workflow_id = 'w', driver_run_id = 'r'`,
      );
      await diagramWith('points_sha256 = zeroblob(32)');
      expect(await patient.violations()).toEqual([]);
    });

    test('points that differ only in the sign of a zero are one point', async () => {
      const [one, other] = [await patient.vector(2, 0), await patient.vector(2, 2)];
      const id = await diagram();
      for (const [vector, values] of [
        [one, [0, 3, 4]],
        [other, [-0, 3, 4]],
      ] as const) {
        const bytes = Buffer.from(new Float32Array(values).buffer);
        const sha256 = createHash('sha256').update(bytes).digest();
        await patient.change(
          'update vectors set bytes = ?, sha256 = ?, norm = 5 where id = ?',
          bytes,
          sha256,
          vector,
        );
      }
      const run = await patient.store.runs.get(experiment, 2);
      const { sha256, count } = await patient.store.vectors.pointCloud(
        run,
        await patient.model('ImagePoints'),
        3,
      );
      await patient.change(
        'update diagrams set points_sha256 = ?, distinct_point_count = ? where id = ?',
        sha256,
        count - 1,
        id,
      );
      const found = await patient.violations();
      expect(named(found)).toEqual([`4 diagram_dimensions ${id}/0`]);
      expect(found[0]!.message).toMatch(/6 bars for 5 distinct points/);
    });
  });
});

describe(`invariant 5: ${INVARIANTS[5]}`, () => {
  corruptions([
    [
      'a byte of an object is flipped',
      async () => {
        const file = await patient.object(await picture());
        const bytes = readFileSync(file);
        bytes[bytes.length - 1]! ^= 1;
        writeFileSync(file, bytes);
        return [`5 artifacts ${await picture()}`];
      },
    ],
    [
      'an object is cut short',
      async () => {
        truncateSync(await patient.object(await picture()), 3);
        return [`5 artifacts ${await picture()}`];
      },
    ],
    [
      'an object is missing',
      async () => {
        rmSync(await patient.object(await picture()));
        return [`5 artifacts ${await picture()}`];
      },
    ],
    [
      'a picture has another size',
      async () => {
        await patient.change(
          'update artifacts set width = height, height = width where id = ?',
          await picture(),
        );
        return [`5 artifacts ${await picture()}`];
      },
    ],
    [
      'an object has another length than its row says',
      async () => {
        await patient.change(
          'update artifacts set byte_length = byte_length + 1 where id = ?',
          await picture(),
        );
        return [`5 artifacts ${await picture()}`];
      },
    ],
    [
      'a text is not the one that was stored',
      async () => {
        await patient.change(
          `update artifacts set text = text || '!' where id = ?`,
          await patient.output(2, 1),
        );
        // Its digest and its length are wrong.
        return [`5 artifacts ${await patient.output(2, 1)}`, `5 artifacts ${await patient.output(2, 1)}`];
      },
    ],
  ]);

  sameOnBoth(() => {
    test('an object that is no picture is found by a deep look only', async () => {
      const bytes = Buffer.from('no picture');
      const sha256 = createHash('sha256').update(bytes).digest();
      await patient.store.objects.put(sha256, bytes);
      await patient.change(
        'update artifacts set sha256 = ?, byte_length = 10 where id = ?',
        sha256,
        await picture(),
      );
      expect(await patient.violations({ deep: false })).toEqual([]);
      expect(named(await patient.violations())).toEqual([`5 artifacts ${await picture()}`]);
    });

    test('the message names the object', async () => {
      const file = await patient.object(await picture());
      rmSync(file);
      expect((await patient.violations())[0]!.message).toContain(file);
    });
  });

  test('an unmentioned object is found after an hour, breaks no invariant, and is deleted', async () => {
    const { objects } = patient.store;
    const folder = dirname(await patient.object(await picture()));
    const [old, young] = [join(folder, '.abc.1.0.tmp'), join(folder, '.abc.1.1.tmp')];
    for (const file of [old, young]) writeFileSync(file, 'half');
    mkdirSync(join(folder, 'folder.tmp'));
    const strays = ['one', 'other'].map((text) => Buffer.from(text));
    const [stray, fresh] = strays.map((bytes) => createHash('sha256').update(bytes).digest());
    await objects.put(stray!, strays[0]!);
    await objects.put(fresh!, strays[1]!);
    for (const file of [old, objects.location(stray!)]) utimesSync(file, new Date(NOW), new Date(NOW));
    await patient.change(
      `insert into artifacts (modality, sha256, byte_length, text) values ('text', zeroblob(32), 1, 'x')`,
    );
    const artifact = Number(await patient.one('select max(id) from artifacts'));
    const orphans = async () => {
      const found = [];
      for await (const orphan of findOrphans(patient.store.db, objects, Date.now())) {
        found.push(orphan.kind === 'artifact' ? orphan.id : orphan.path);
      }
      return found;
    };
    expect(await orphans()).toEqual([old, artifact, objects.location(stray!)]);
    // The row is no text of its digest; the rows that break with it go with it.
    await patient.mend();
    expect(await orphans()).toEqual([old, objects.location(stray!)]);
    for await (const orphan of findOrphans(patient.store.db, objects, Date.now())) {
      if (orphan.kind !== 'artifact') await removeOrphan(objects, orphan);
    }
    expect(await orphans()).toEqual([]);
    expect(await patient.violations()).toEqual([]);
    expect(existsSync(young)).toBe(true);
    expect(await objects.get(fresh!)).toEqual(strays[1]);
  });
});

describe(`invariant 6: ${INVARIANTS[6]}`, () => {
  corruptions([
    ['an experiment runs without a driver', () => experimentWith(`status = 'running'`)],
    ...variants([
      [
        'an experiment has ended and still has a driver',
        () => experimentWith(`driver_workflow_id = 'w', driver_run_id = 'r'`),
      ],
      ['an experiment is over without an end', () => experimentWith('finished_at = null')],
    ]),
    [
      'an experiment is completed with a run that is not finished',
      async () => {
        await patient.change(`update runs set status = 'cancelled' where run_index = 2`);
        return [`6 experiments ${experiment}`];
      },
    ],
    [
      'an experiment is over with a run that is running',
      async () => {
        await patient.change(`update runs set status = 'running' where run_index = 2`);
        return await experimentWith(`status = 'cancelled'`);
      },
    ],
    [
      'an experiment has failures and all of its runs are finished',
      () => experimentWith(`status = 'completed_with_failures'`),
    ],
    [
      'a row points at one that is missing',
      async () => {
        await patient.change(
          `insert into failures (run_id, attempt, stage, kind, message, created_at) values (99, 1, 'diagram', 'k', 'm', 0)`,
        );
        return [`6 failures ${String(await patient.one('select max(id) from failures'))}`];
      },
    ],
  ]);

  test('an experiment that doctor ends has no driver any more, and no service of one', async () => {
    await experimentWith(
      `driver_workflow_id = 'w', driver_run_id = 'r', driver_service = 's', driver_place = 'the service at a:1'`,
    );
    await patient.mend();
    expect(await patient.violations()).toEqual([]);
    expect(await patient.store.experiments.get(experiment)).toMatchObject(NO_DRIVER);
  });

  test('the row of the table databases is missing, or there is one more', async () => {
    const row = async () => (await patient.place.rows())['databases'];
    const before = await row();
    await patient.change(
      `insert into databases (id, database_id, readable_from, writable_from, version)
       select 2, replace(database_id, 'a', 'b'), readable_from, writable_from, version from databases`,
    );
    const found = await patient.violations();
    expect(found.map(({ message }) => message)).toContainEqual(
      'row 2 of databases is one too many: a database has one id',
    );
    expect(await patient.mend()).toEqual([]);
    expect(await patient.violations()).toEqual([]);
    expect(await row()).toEqual(before);

    await patient.remove('delete from databases');
    expect(named(await patient.violations())).toEqual(['6 databases 1']);
    expect(await patient.violations({ experiment })).toEqual([]);
    expect(await patient.mend()).toEqual([]);
    expect(await patient.violations()).toEqual([]);
    // Only the id is lost.
    const id = expect.stringMatching(/^[0-9a-f]{32}$/) as unknown;
    expect(await row()).toEqual([{ ...Object(before?.[0]), database_id: id }]);
    expect(await row()).not.toEqual(before);
  });

  sameOnBoth(() => {
    test('waiting for a retry is no violation', async () => {
      await patient.change(
        `update runs set status = 'failed', error_kind = 'DeviceError' where run_index = 2`,
      );
      await patient.change(`update experiments set status = 'completed_with_failures'`);
      expect(await patient.violations()).toEqual([]);
      expect(await patient.store.experiments.resetFailedRuns(experiment)).toBe(1);
      expect(await patient.violations()).toEqual([]);
    });
  });
});

test('the doctor reports every one of many violations', async () => {
  await patient.change('update invocations set seed = seed + 1');
  let seen = 0;
  for (const violation of await patient.violations({ experiment })) if (violation.invariant === 2) seen++;
  expect(seen).toBe(Number(await patient.one('select count(*) from invocations')));
});

test('an experiment that is not there is an input error', async () => {
  await expect(patient.violations({ experiment: 'nobody' })).rejects.toMatchObject({ kind: 'InvalidInput' });
});

describe('the surrogates of a null model', () => {
  let id: number;
  beforeAll(async () => {
    another = await soundPlace(configWithSurrogates);
  });
  afterAll(async () => {
    await another?.remove();
    another = null;
  });
  beforeEach(async () => {
    id = await diagram();
  });

  const where = (kind: string, index: number, dimension: number) =>
    `diagram_id = ${id} and kind = '${kind}' and surrogate_index = ${index} and dimension = ${dimension}`;
  const set = (assignment: string) =>
    patient.change(`update surrogates set ${assignment} where ${where('sphere', 1, 0)}`);

  test('are sound if all of them exist, and while some are still to come', async () => {
    expect(await patient.violations()).toEqual([]);
    await patient.change(`update runs set status = 'running' where run_index = 2`);
    await patient.change(
      `update experiments set status = 'running', driver_workflow_id = 'w', driver_run_id = 'r'`,
    );
    await patient.change(`delete from surrogates where diagram_id = ${id} and kind = 'sphere'`);
    expect(await patient.violations()).toEqual([]);
  });

  const row = () => `4 surrogates ${id}/sphere/1/0`;
  const columnsToo = () => `6 surrogates ${id}/sphere/1/0`;
  const faults: readonly (readonly [
    title: string,
    corrupt: () => Promise<void>,
    expected: () => readonly string[],
  ])[] = [
    [
      'one is missing',
      () =>
        patient.change(
          `delete from surrogates where diagram_id = ${id} and kind = 'sphere' and surrogate_index = 1`,
        ),
      () => [`4 surrogates ${id}/sphere`],
    ],
    [
      'all are missing',
      () => patient.change(`delete from surrogates where diagram_id = ${id}`),
      () => [`4 surrogates ${id}/shuffled_increments`, `4 surrogates ${id}/sphere`],
    ],
    [
      'one lacks a dimension',
      () => patient.change(`delete from surrogates where ${where('sphere', 1, 1)}`),
      () => [`4 surrogates ${id}/sphere/1/1`],
    ],
    [
      'there is one too many',
      () =>
        patient.change(
          `insert into surrogates select diagram_id, kind, 2, dimension, bar_count, longest_bar, total_persistence, entropy
           from surrogates where diagram_id = ${id} and kind = 'sphere' and surrogate_index = 1`,
        ),
      () => [`4 surrogates ${id}/sphere/2/0`, `4 surrogates ${id}/sphere/2/1`],
    ],
    [
      'one is of a kind that there is not',
      () =>
        patient.change(`update surrogates set kind = 'ball' where diagram_id = ${id} and kind = 'sphere'`),
      () => [
        ...[0, 1].flatMap((index) =>
          [0, 1].flatMap((k) => Array.from({ length: 2 }, () => `4 surrogates ${id}/ball/${index}/${k}`)),
        ),
        `4 surrogates ${id}/sphere`,
        ...[0, 1].flatMap((index) => [0, 1].map((k) => `6 surrogates ${id}/ball/${index}/${k}`)),
      ],
    ],
    [
      'one has a dimension too high',
      () => set('dimension = 2'),
      () => [`4 surrogates ${id}/sphere/1/2`, row()],
    ],
    ['one has more components than points', () => set('bar_count = 1000'), () => [row()]],
    ['one has no component', () => set('bar_count = 0'), () => [row(), row(), row(), columnsToo()]],
    ['a length is negative', () => set('longest_bar = -1.0'), () => [row(), row(), columnsToo()]],
    [
      'a length is infinite',
      () => set('longest_bar = 9e999, total_persistence = 9e999'),
      () => [row(), columnsToo()],
    ],
    [
      'a length is more than the total',
      () => set('longest_bar = total_persistence * 2'),
      () => [row(), columnsToo()],
    ],
    [
      'a total is more than its bars have',
      () => set('total_persistence = 1000 * longest_bar'),
      () => [row()],
    ],
    ['an entropy is negative', () => set('entropy = -1.0'), () => [row(), columnsToo()]],
    ['an entropy is too high', () => set('entropy = 100.0'), () => [row()]],
  ];
  test.each(tried(faults))('are found where %s', async (_, corrupt, expected) => {
    await corrupt();
    const found = await patient.violations();
    expect(named(found).sort()).toEqual([...patient.found(expected())].sort());
    for (const { repair } of found) expect(repair).not.toBeNull();
  });

  test('are too many if the experiment asks for none', async () => {
    await patient.change(
      `update experiments set id = ?, config = json_remove(config, '$.null_model')`,
      experimentId(config),
    );
    await patient.change('update runs set experiment_id = ?', experimentId(config));
    const found = await patient.violations();
    expect(new Set(found.map(({ table }) => table))).toEqual(new Set(['surrogates']));
    expect(found).toHaveLength(Number(await patient.one('select count(*) from surrogates')));
    expect(found[0]!.message).toContain('its experiment does not ask for this surrogate');
  });

  test('of a diagram that an earlier revision of its model left behind need not be complete', async () => {
    await patient.change(
      `insert into models (name, kind, source, revision, settings, input, dimension)
       select name, kind, source, '0', settings, input, dimension from models where name = 'ImagePoints'`,
    );
    const old = Number(await patient.one('select max(id) from models'));
    await patient.change(
      `insert into diagrams select -1, run_id, ${old}, metric, max_dimension, max_edge_length, point_count, distinct_point_count,
         edge_count, points_sha256, compute_ms, created_at from diagrams where id = ${id}`,
    );
    await patient.change(`insert into diagram_dimensions select -1, dimension, bar_count, finite_bar_count, entropy, bars
       from diagram_dimensions where diagram_id = ${id}`);
    expect((await patient.violations()).filter(({ table }) => table === 'surrogates')).toEqual([]);
  });
});

test('a text that no model gives again, and that may not be stored, is given up if the user asks for it', async () => {
  const id = await patient.output(2, 5);
  const text = '\u200b';
  const digest = createHash('sha256').update(text).digest();
  await patient.change(
    'update artifacts set text = ?, sha256 = ?, byte_length = 3 where id = ?',
    text,
    digest,
    id,
  );
  expect(named(await patient.violations()).filter((name) => name.includes('artifacts'))).toEqual([
    `2 artifacts ${id}`,
  ]);
  expect((await patient.mend()).join()).toMatch(/gives something else today/);
  await patient.mend({ cutBack: true });
  await patient.resume();
  expect(await patient.violations()).toEqual([]);
});

(isOnPostgres() ? test.skip : test)(
  'a text that is no UTF-8 is given to no model as if it were',
  async () => {
    const id = await patient.output(2, 5);
    await patient.change(`update artifacts set text = cast(x'6120eda0bd' as text) where id = ?`, id);
    await expect(patient.store.artifacts.load(id)).rejects.toMatchObject({
      kind: 'StoreConflict',
      message: expect.stringContaining('is no UTF-8'),
    });
  },
);

test('a prompt that may no longer be stored is named, with the command that removes it', async () => {
  const text = '\u3164';
  const prompt = await patient.one('select prompt_id from runs where run_index = 2');
  await patient.change('update artifacts set text = ? where id = ?', text, prompt);
  await patient.change(`update experiments set config = replace(config, 'a red apple', ?)`, text);
  expect(named(await patient.violations())).toContain(`2 artifacts ${String(prompt)}`);
  expect((await patient.mend()).join()).toMatch(
    /prompt that this version does not take; only "panic-tda delete"/,
  );
});
