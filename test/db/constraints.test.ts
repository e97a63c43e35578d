import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { configWithSurrogates, finishExperiment, temporaryStore } from './small-experiment.js';

// Every refusal is asked of SQLite itself, by raw SQL on the rows of a finished experiment, inside a transaction that is
// rolled back after the test.
let place: ReturnType<typeof temporaryStore>;

function sql(statement: string): void {
  place.store.db.sqlite.exec(statement);
}

function one(query: string): unknown {
  return place.store.db.sqlite.prepare(query).pluck().get();
}

beforeAll(async () => {
  place = temporaryStore();
  await finishExperiment(place.store, configWithSurrogates);
});
afterAll(() => place.remove());
beforeEach(() => sql('begin'));
afterEach(() => sql('rollback'));

const DIMENSION = 'diagram_id = (select min(id) from diagrams) and dimension = 0';

/** One column assignment that each named check refuses; the row is any row of the table that the rest leaves alone. */
const refusals: readonly (readonly [check: string, table: string, assignment: string, where?: string])[] = [
  ['models_kind', 'models', `kind = 'other'`],
  ['models_input', 'models', `input = 'sound'`],
  ['models_shape', 'models', 'output = null', `kind = 'generative'`],
  ['models_shape', 'models', `output = 'sound'`, `kind = 'generative'`],
  ['models_shape', 'models', 'dimension = 3', `kind = 'generative'`],
  ['models_shape', 'models', 'dimension = null', `kind = 'embedding'`],
  ['models_shape', 'models', 'dimension = 0', `kind = 'embedding'`],
  ['models_shape', 'models', `output = 'text'`, `kind = 'embedding'`],
  ['artifacts_sha256', 'artifacts', 'sha256 = zeroblob(31)'],
  ['artifacts_byte_length', 'artifacts', 'byte_length = 0'],
  ['artifacts_shape', 'artifacts', 'text = null', `modality = 'text'`],
  ['artifacts_shape', 'artifacts', `text = ''`, `modality = 'text'`],
  ['artifacts_shape', 'artifacts', `text = ' ' || char(9, 10, 13)`, `modality = 'text'`],
  ['artifacts_shape', 'artifacts', 'width = 1', `modality = 'text'`],
  ['artifacts_shape', 'artifacts', `modality = 'sound'`],
  ['artifacts_shape', 'artifacts', 'width = null', `modality = 'image'`],
  ['artifacts_shape', 'artifacts', 'height = null', `modality = 'image'`],
  ['artifacts_shape', 'artifacts', 'height = 0', `modality = 'image'`],
  ['artifacts_shape', 'artifacts', `text = 'a picture'`, `modality = 'image'`],
  ['removed_objects_sha256', 'removed_objects', 'sha256 = zeroblob(31)'],
  ['removed_objects_byte_length', 'removed_objects', 'byte_length = 0'],
  ['experiments_status', 'experiments', `status = 'asleep'`],
  ['experiments_run_count', 'experiments', 'run_count = 0'],
  ['experiments_config', 'experiments', `config = '{'`],
  ['experiments_driver', 'experiments', `driver_workflow_id = 'w'`],
  ['experiments_driver', 'experiments', `driver_run_id = 'r'`],
  ['runs_status_known', 'runs', `status = 'asleep'`],
  ['runs_hold', 'runs', `hold = 'asleep'`],
  ['runs_network', 'runs', `network = '[]'`],
  ['runs_network', 'runs', `network = 'Painter'`],
  ['runs_network', 'runs', `network = '{}'`],
  ['runs_index', 'runs', 'run_index = -1'],
  ['runs_max_length', 'runs', 'max_length = 0'],
  ['runs_max_length', 'runs', 'max_length = 1000001'],
  ['runs_seed', 'runs', 'seed = -2', 'seed = -1'],
  ['runs_seed', 'runs', 'drawn_seed = null', 'seed = -1'],
  ['runs_seed', 'runs', 'drawn_seed = 1', 'seed = 7'],
  ['runs_stop', 'runs', 'length = null'],
  ['runs_stop', 'runs', 'stop_reason = null'],
  ['runs_stop', 'runs', `stop_reason = 'boredom'`],
  ['runs_stop', 'runs', 'length = length - 1', `stop_reason = 'length'`],
  ['runs_stop', 'runs', 'cycle_start = cycle_start + 1', `stop_reason = 'cycle'`],
  ['runs_stop', 'runs', 'cycle_start = null, cycle_length = null', `stop_reason = 'cycle'`],
  ['runs_cycle', 'runs', 'cycle_start = 1', `stop_reason = 'length'`],
  ['runs_cycle', 'runs', 'cycle_length = 2', `stop_reason = 'length'`],
  ['runs_cycle', 'runs', 'cycle_start = 1, cycle_length = 2', 'seed = -1'],
  ['runs_cycle', 'runs', 'cycle_start = 1, cycle_length = 3, length = 5', `stop_reason = 'cycle'`],
  ['runs_cycle', 'runs', 'cycle_length = 0, length = cycle_start + 1', `stop_reason = 'cycle'`],
  ['runs_cycle', 'runs', 'cycle_start = -2, cycle_length = 4, length = 3', `stop_reason = 'cycle'`],
  ['runs_finished', 'runs', 'stop_reason = null, length = null'],
  ['runs_failed', 'runs', `status = 'failed'`],
  ['runs_failed', 'runs', `error_kind = 'DeviceError'`],
  ['invocations_sequence', 'invocations', 'sequence = -1'],
  ['invocations_seed', 'invocations', 'seed = -1'],
  ['invocations_seed', 'invocations', 'seed = 9007199254740992'],
  [
    'invocations_source',
    'invocations',
    `source = 'invented', host_id = null, batch_size = null, compute_ms = null`,
  ],
  ['invocations_cut_tokens', 'invocations', 'cut_tokens = 0'],
  ['invocations_cut_tokens', 'invocations', 'cut_tokens = -1'],
  ['vectors_cut_tokens', 'vectors', 'cut_tokens = 0'],
  ['invocations_provenance', 'invocations', 'host_id = null'],
  ['invocations_provenance', 'invocations', 'batch_size = null'],
  ['invocations_provenance', 'invocations', 'compute_ms = null'],
  ['invocations_provenance', 'invocations', `source = 'reused'`],
  ['vectors_sha256', 'vectors', 'sha256 = zeroblob(0)'],
  ['vectors_bytes', 'vectors', 'bytes = zeroblob(0)'],
  ['vectors_bytes', 'vectors', 'bytes = zeroblob(7)'],
  ['vectors_norm', 'vectors', 'norm = 0.0'],
  ['vectors_norm', 'vectors', 'norm = 9e999'],
  ['vectors_compute_ms', 'vectors', 'compute_ms = -1.0'],
  ['embeddings_source', 'embeddings', `source = 'cycle'`],
  ['diagrams_metric', 'diagrams', `metric = 'cosine'`],
  ['diagrams_max_dimension', 'diagrams', 'max_dimension = 3'],
  ['diagrams_max_edge_length', 'diagrams', 'max_edge_length = 0.0'],
  ['diagrams_points', 'diagrams', 'point_count = distinct_point_count - 1'],
  ['diagrams_points', 'diagrams', 'distinct_point_count = 0'],
  ['diagrams_points_sha256', 'diagrams', 'points_sha256 = zeroblob(33)'],
  ['diagram_dimensions_dimension', 'diagram_dimensions', 'dimension = -1', DIMENSION],
  ['diagram_dimensions_dimension', 'diagram_dimensions', 'dimension = 3', DIMENSION],
  ['diagram_dimensions_bars', 'diagram_dimensions', 'bars = zeroblob(4)', DIMENSION],
  ['diagram_dimensions_finite', 'diagram_dimensions', 'finite_bar_count = bar_count + 1', DIMENSION],
  ['diagram_dimensions_finite', 'diagram_dimensions', 'finite_bar_count = -1', DIMENSION],
  ['diagram_dimensions_entropy', 'diagram_dimensions', 'entropy = -0.1', DIMENSION],
  ['diagram_dimensions_entropy', 'diagram_dimensions', 'entropy = 9e999', DIMENSION],
  ['surrogates_kind', 'surrogates', `kind = 'ball'`],
  ['surrogates_index', 'surrogates', 'surrogate_index = -1'],
  ['surrogates_index', 'surrogates', 'surrogate_index = 999'],
  ['surrogates_dimension', 'surrogates', 'dimension = -1'],
  ['surrogates_dimension', 'surrogates', 'dimension = 3'],
  ['surrogates_bar_count', 'surrogates', 'bar_count = 0', 'dimension = 0'],
  ['surrogates_bar_count', 'surrogates', 'bar_count = 0', 'dimension = 1 and longest_bar > 0'],
  ['surrogates_bar_count', 'surrogates', 'bar_count = -1', 'dimension = 1 and longest_bar = 0'],
  ['surrogates_lengths', 'surrogates', 'longest_bar = -1.0'],
  ['surrogates_lengths', 'surrogates', 'longest_bar = 1.5 * total_persistence', 'longest_bar > 0'],
  ['surrogates_lengths', 'surrogates', 'longest_bar = 0.0', 'total_persistence > 0'],
  ['surrogates_lengths', 'surrogates', 'total_persistence = 9e999', 'longest_bar > 0'],
  ['surrogates_lengths', 'surrogates', 'total_persistence = 1.0', 'longest_bar = 0'],
  ['surrogates_entropy', 'surrogates', 'entropy = -0.1'],
  ['surrogates_entropy', 'surrogates', 'entropy = 9e999', 'longest_bar > 0'],
  ['surrogates_entropy', 'surrogates', 'entropy = 0.5', 'longest_bar = 0'],
  ['failures_stage', 'failures', `stage = 'breakfast'`],
];

function dropTriggers(): void {
  const names = place.store.db.sqlite
    .prepare(`select name from sqlite_master where type = 'trigger'`)
    .pluck()
    .all();
  for (const name of names) sql(`drop trigger ${String(name)}`);
}

const definitions = () =>
  place.store.db.sqlite
    .prepare<[], string>(
      `select sql from sqlite_master where type = 'table' and name not like '\\_\\_%' escape '\\'`,
    )
    .pluck()
    .all();

describe('checks', () => {
  beforeEach(() => {
    dropTriggers();
    sql('insert into removed_objects values (zeroblob(32), 1, null, null)');
    sql(`insert into objects_places values (1, 'an id', 'a place')`);
    sql(`insert into failures (run_id, attempt, stage, kind, message, created_at)
      select min(id), 1, 'diagram', 'DeviceError', 'lost', 0 from runs`);
  });

  test.each(refusals)('%s refuses %s with %s where %s', (check, table, assignment, where = 'true') => {
    expect(one(`select count(*) from ${table} where ${where}`)).toBeGreaterThan(0);
    expect(() => sql(`update ${table} set ${assignment} where ${where}`)).toThrow(
      `CHECK constraint failed: ${check}`,
    );
  });

  test('are all among those above', () => {
    const names = definitions().flatMap((text) =>
      [...text.matchAll(/CONSTRAINT "(\w+)" CHECK/g)].map((match) => match[1]),
    );
    expect([...new Set(refusals.map(([check]) => check))].toSorted()).toEqual(names.map(String).toSorted());
  });

  test('are never unknown: each says that its condition is true, so that NULL does not pass', () => {
    const text = definitions().join('\n');
    expect(text.match(/ CHECK\(\(/g)!.length).toBe(text.match(/\) is true\)/g)!.length);
  });

  test('hold for NULL in every column that must have a value', () => {
    for (const table of tables()) {
      for (const { name, notnull, pk } of columns(table)) {
        if (notnull === 0 || pk > 0) continue;
        expect(() => sql(`update ${table} set ${name} = null`)).toThrow(
          new RegExp(`(NOT NULL|CHECK) constraint failed`),
        );
      }
    }
  });

  test('a NaN is a NULL to SQLite, and refused', () => {
    const { sqlite } = place.store.db;
    const statements = [
      'update vectors set norm = ?',
      'update diagram_dimensions set entropy = ?',
      'update surrogates set entropy = ?',
      'update surrogates set longest_bar = ?',
      'update diagrams set compute_ms = ?',
    ];
    for (const statement of statements) {
      expect(() => sqlite.prepare(statement).run(NaN)).toThrow('NOT NULL constraint failed');
    }
    expect(() => sqlite.prepare('update invocations set compute_ms = ?').run(NaN)).toThrow(
      'CHECK constraint failed: invocations_provenance',
    );
  });

  test('a value of another type is refused: tables are strict', () => {
    for (const table of tables()) {
      for (const { name, type } of columns(table)) {
        if (type === 'TEXT') continue;
        const value = type === 'BLOB' ? `'${'x'.repeat(32)}'` : `'many'`;
        expect(() => sql(`update ${table} set ${name} = ${value}`)).toThrow(
          /cannot store TEXT value|datatype mismatch/,
        );
      }
    }
  });
});

function tables(): string[] {
  return place.store.db.sqlite
    .prepare<[], string>(
      `select name from sqlite_master where type = 'table' and name not like '\\_\\_%' escape '\\'`,
    )
    .pluck()
    .all();
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

function columns(table: string): Column[] {
  return place.store.db.sqlite
    .prepare<[], Column>(`select name, upper(type) as type, "notnull", pk from pragma_table_info('${table}')`)
    .all();
}

describe('keys', () => {
  test.each([
    [
      'a model',
      `insert into models select id + 100, name, kind, source, revision, settings, input, output, dimension from models`,
    ],
    ['a host', 'insert into hosts select id + 100, fingerprint from hosts'],
    [
      'a content',
      `insert into artifacts select id + 1000, modality, sha256, byte_length, text, width, height from artifacts`,
    ],
    ['an experiment', 'insert into experiments select * from experiments'],
    [
      'a vector',
      'insert into vectors select id + 1000, model_id, artifact_id, sha256, bytes, norm, compute_ms, host_id, cut_tokens from vectors',
    ],
    ['a vector of an output', 'insert into embeddings select * from embeddings'],
    ['a dimension of a surrogate', 'insert into surrogates select * from surrogates'],
    ['a dimension of a diagram', 'insert into diagram_dimensions select * from diagram_dimensions'],
    ['a run', `update runs set run_index = 0 where run_index = 1`],
    [
      'a step',
      `drop trigger invocations_are_immutable; update invocations set sequence = 0 where sequence = 1`,
    ],
    ['a diagram', 'update diagrams set model_id = (select min(model_id) from diagrams)'],
  ])('there is no second row of %s', (_, statement) => {
    expect(() => sql(statement)).toThrow('UNIQUE constraint failed');
  });

  test.each([
    ['runs', 'experiment_id', `'nobody'`],
    ['runs', 'prompt_id', '9999'],
    ['invocations', 'run_id', '9999'],
    ['invocations', 'model_id', '9999'],
    ['invocations', 'input_id', '9999'],
    ['invocations', 'output_id', '9999'],
    ['invocations', 'host_id', '9999'],
    ['embeddings', 'invocation_id', '9999'],
    ['embeddings', 'model_id', '9999'],
    ['embeddings', 'vector_id', '9999'],
    ['vectors', 'model_id', '9999'],
    ['vectors', 'artifact_id', '9999'],
    ['vectors', 'host_id', '9999'],
    ['diagrams', 'run_id', '9999'],
    ['diagrams', 'model_id', '9999'],
    ['diagram_dimensions', 'diagram_id', '9999'],
    ['surrogates', 'diagram_id', '9999'],
  ])('%s.%s points at a row that is there', (table, column, nobody) => {
    dropTriggers();
    const first = `rowid = (select max(rowid) from ${table})`;
    expect(() => sql(`update ${table} set ${column} = ${nobody} where ${first}`)).toThrow(
      'FOREIGN KEY constraint failed',
    );
  });

  test('every foreign key of the tables is among those above', () => {
    const count = one(
      `select count(*) from sqlite_master t, pragma_foreign_key_list(t.name) where t.type = 'table' and t.name <> 'failures'`,
    );
    expect(count).toBe(17);
  });

  test('what a trajectory is made of cannot be deleted under it', () => {
    for (const table of ['artifacts', 'models', 'hosts', 'vectors']) {
      expect(() => sql(`delete from ${table}`)).toThrow('FOREIGN KEY constraint failed');
    }
  });

  test('a deleted experiment takes its runs and all that hangs on them along', () => {
    sql('delete from experiments');
    for (const table of [
      'runs',
      'invocations',
      'embeddings',
      'diagrams',
      'diagram_dimensions',
      'surrogates',
    ]) {
      expect(one(`select count(*) from ${table}`)).toBe(0);
    }
  });
});

function next(changes: Readonly<Record<string, string>>): string {
  // The run's last step once more, as the step after it: valid but for the changes.
  const values = {
    run_id: 'run_id',
    sequence: 'sequence + 1',
    model_id: `(select id from models where name = 'Painter')`,
    input_id: 'output_id',
    output_id: `(select min(id) from artifacts where modality = 'image')`,
    seed: 'seed',
    ...changes,
  };
  return `insert into invocations (${Object.keys(values).join(', ')}, source, created_at)
    select ${Object.values(values).join(', ')}, 'reused', 0 from invocations
    where id = (select max(i.id) from invocations i join runs on runs.id = run_id where run_index = 2)`;
}

function firstStep(input: string): string {
  return `insert into invocations
      (run_id, sequence, model_id, input_id, output_id, seed, source, created_at)
      select id, 0, (select id from models where name = 'Painter'), ${input},
        (select min(id) from artifacts where modality = 'image'), 1, 'reused', 0 from runs where run_index = 3`;
}

function endRun(length: string): void {
  sql(`update runs set stop_reason = 'length', length = ${length}, max_length = 14 where run_index = 2`);
}

function insertRun(prompt: string, end: string): void {
  sql(`insert into runs (experiment_id, run_index, network, seed, prompt_id, max_length, stop_reason, length)
        select experiment_id, 9, network, 7, ${prompt}, 12, ${end} from runs where run_index = 0`);
}

function insertVector(bytes: string, modality: string): void {
  sql(`insert into vectors (model_id, artifact_id, sha256, bytes, norm, compute_ms, host_id)
        select (select id from models where name = 'TextPoints'),
          (select max(id) from artifacts where modality = '${modality}'), zeroblob(32), ${bytes}, 1.0, 1.0, min(id) from hosts`);
}

function restoreSurrogates(changes: Readonly<Record<string, string>>): void {
  const values = columns('surrogates').map(({ name }) => changes[name] ?? name);
  sql(`insert into surrogates select ${values.join(', ')} from removed`);
}

describe('triggers', () => {
  beforeEach(() => {
    sql(
      `update runs set status = 'running', stop_reason = null, length = null, max_length = 14 where run_index = 2`,
    );
  });

  test('a step continues its run', () => {
    sql(next({}));
    expect(one('select max(sequence) from invocations')).toBe(12);
  });

  test.each([
    ['leaves none out', { sequence: 'sequence + 2' }, 'its input is not the output'],
    ['stays below max_length', { sequence: 'sequence + 3' }, 'passes its max_length'],
    ['belongs to a run', { run_id: '99' }, 'the run has ended'],
    ['has the output before it as input', { input_id: 'input_id' }, 'its input is not the output'],
    ['has an input', { input_id: 'null' }, 'its input is not the output'],
    [
      'has the model of its position',
      { model_id: `(select id from models where name = 'Describer')` },
      'its model is not the one of this position',
    ],
    ['has a model', { model_id: 'null' }, 'its model is not the one of this position'],
    [
      'has an output of the modality that its model promises',
      { output_id: `(select min(id) from artifacts where modality = 'text')` },
      'not of the modality that its model promises',
    ],
    ['has an output', { output_id: 'null' }, 'not of the modality that its model promises'],
  ])('a step %s', (_, changes, message) => {
    expect(() => sql(next(changes))).toThrow(message);
  });

  test('the first step has the prompt as input', () => {
    const run = one('select id from runs where run_index = 3');
    sql(`delete from invocations where run_id = ${String(run)}`);
    sql(`update runs set status = 'running', stop_reason = null, length = null where run_index = 3`);
    const other = `(select prompt_id from runs where run_index = 2)`;
    expect(() => sql(firstStep(other))).toThrow('its input is not the output');
    sql(firstStep('prompt_id'));
  });

  test('an ended run takes no further step', () => {
    const [length, limit] = ['length', 'max_length'].map((column) =>
      one(`select ${column} from runs where run_index = 0`),
    );
    expect(length).toBeLessThan(Number(limit));
    expect(() => sql(next({ run_id: '(select id from runs where run_index = 0)' }))).toThrow(
      'the run has ended',
    );
  });

  test('a run ends only with the steps that its length says', () => {
    expect(() => endRun('14')).toThrow('its length differs from the number of its invocations');
    expect(() => endRun('null')).toThrow();
  });

  test('steps and contents never change', () => {
    expect(() => sql('update invocations set created_at = 0')).toThrow('written once and never changed');
    expect(() => sql('update artifacts set byte_length = 1')).toThrow('written once and never changed');
  });

  test('a new run is open, and its prompt is a text', () => {
    expect(() => insertRun('prompt_id', `'length', 12`)).toThrow('a new run cannot have ended');
    expect(() => insertRun(`(select id from artifacts where modality = 'image')`, 'null, null')).toThrow(
      'its prompt is not a text',
    );
    expect(() => insertRun('9999', 'null, null')).toThrow('its prompt is not a text');
  });

  test('a vector has the dimension of its model and an artifact that the model takes', () => {
    expect(() => insertVector('zeroblob(12)', 'text')).toThrow(
      'its length is not the dimension of its model',
    );
    expect(() => insertVector('zeroblob(16)', 'image')).toThrow('its model does not take this modality');
    insertVector('zeroblob(16)', 'text');
  });

  test('an embedding joins an output to a vector of that output and model', () => {
    sql('create temp table removed as select * from embeddings; delete from embeddings');
    const restore = (vector: string) =>
      sql(`insert into embeddings select invocation_id, model_id, ${vector}, source from removed`);
    const other = `(select max(id) from vectors v where v.model_id = removed.model_id and v.id <> vector_id)`;
    expect(() => restore(other)).toThrow('its vector belongs to another output or model');
    restore('vector_id');
  });

  test('dimension 0 has a bar for each distinct point, and no dimension is above the highest', () => {
    sql('create temp table removed as select * from diagram_dimensions; delete from diagram_dimensions');
    const restore = (dimension: string, bars: string) =>
      sql(
        `insert into diagram_dimensions select diagram_id, ${dimension}, ${bars}, 0, 0.0, zeroblob(8 * (${bars})) from removed`,
      );
    expect(() => restore('dimension', 'bar_count + 1')).toThrow('one bar for each distinct point');
    expect(() => restore('dimension + 1', '1')).toThrow('dimension above its max_dimension');
    restore('dimension', 'bar_count');
  });

  describe('a surrogate', () => {
    beforeEach(() => sql('create temp table removed as select * from surrogates; delete from surrogates'));

    test('is one that its experiment asks for', () => {
      expect(() => restoreSurrogates({ surrogate_index: 'surrogate_index + 1' })).toThrow(
        'does not ask for it',
      );
      const set = (value: string) =>
        sql(`update experiments set config = json_set(config, '$.null_model', json('${value}'))`);
      set('{"surrogates": 2, "kinds": ["sphere"]}');
      expect(() => restoreSurrogates({})).toThrow('does not ask for it');
      set('null');
      expect(() => restoreSurrogates({ kind: `'sphere'` })).toThrow('does not ask for it');
      sql(`update experiments set config = json_remove(config, '$.null_model')`);
      expect(() => restoreSurrogates({})).toThrow('does not ask for it');
      set('{"surrogates": 3, "kinds": ["sphere", "shuffled_increments"]}');
      restoreSurrogates({ surrogate_index: 'surrogate_index + 1' });
    });

    test('has the dimensions of its diagram, and no more components than points', () => {
      expect(() => restoreSurrogates({ dimension: 'dimension + 1' })).toThrow(
        'dimension above the max_dimension',
      );
      expect(() => restoreSurrogates({ bar_count: 'bar_count + 100' })).toThrow(
        'no more bars than there are points',
      );
      restoreSurrogates({});
    });
  });
});
