import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { emptyPlace } from './places.js';
import type { Place, Trial } from './place.js';
import { describeRunStatistic, RUN_STATISTIC_NAMES } from '../../experiment/run-statistics.js';
import { measuredExperiment } from '../support/measured-experiment.js';
import { configWithSurrogates } from '../support/small-experiment.js';

// The tests ask the database itself for every refusal, by raw SQL on the rows of a finished experiment,
// inside a transaction that is rolled back after the test.
let place: Place;
let trial: Trial;
let onPostgres: boolean;

const sql = (statements: string): Promise<void> => trial.sql(statements);
const refusal = (statements: string): Promise<string> => trial.refusal(statements);
const one = async (query: string): Promise<unknown> => (await trial.column(query))[0];

beforeAll(async () => {
  place = await emptyPlace();
  onPostgres = place.store.db.dialect === 'postgres';
  await measuredExperiment(place.store, configWithSurrogates);
});
afterAll(() => place.remove());
beforeEach(async () => {
  trial = await place.trial();
});
afterEach(() => trial.rollback());

const DIMENSION = 'diagram_id = (select min(id) from diagrams) and dimension = 0';

/**
 * One assignment to a column that each named check refuses. The row is any row of the table that satisfies
 * the rest.
 */
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
  ['builds_bundle_sha256', 'builds', 'bundle_sha256 = zeroblob(31)'],
  ['databases_id', 'databases', 'id = 2'],
  ['databases_database_id', 'databases', `database_id = 'short'`],
  ['databases_versions', 'databases', 'readable_from = 0'],
  ['databases_versions', 'databases', 'readable_from = writable_from + 1'],
  ['databases_version', 'databases', `version = ''`],
  ['routes_route', 'routes', `route = ''`],
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
  ['invocations_output_cut', 'invocations', 'output_cut = 0'],
  ['invocations_output_cut', 'invocations', 'output_cut = 2'],
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
  ['run_statistics_points_sha256', 'run_statistics', 'points_sha256 = zeroblob(31)'],
  ['run_statistics_prompt_sha256', 'run_statistics', 'prompt_sha256 = zeroblob(31)'],
  ['run_statistics_revision', 'run_statistics', 'revision = 0'],
  ['run_statistics_parameters', 'run_statistics', `parameters = '{'`],
  ['run_statistics_stride', 'run_statistics', 'stride = 0'],
  ...RUN_STATISTIC_NAMES.map((name): (typeof refusals)[number] => {
    const { column, least } = describeRunStatistic(name);
    const below = least === -Infinity ? '-1e301' : String(least - 1);
    return [`run_statistics_${column}`, 'run_statistics', `${column} = ${below}`];
  }),
  ['run_curves_name', 'run_curves', `name = ''`, "statistics_id = 1 and name = 'drift_first'"],
  ['run_curves_points', 'run_curves', 'points = zeroblob(5)'],
];

/** A NaN is a NULL to SQLite, and a number above all others to Postgres. */
const NAN = [
  ['vectors_norm', 'vectors', 'norm'],
  ['vectors_compute_ms', 'vectors', 'compute_ms'],
  ['diagram_dimensions_entropy', 'diagram_dimensions', 'entropy'],
  ['surrogates_entropy', 'surrogates', 'entropy'],
  ['surrogates_lengths', 'surrogates', 'longest_bar'],
  ['surrogates_lengths', 'surrogates', 'total_persistence'],
  ['diagrams_compute_ms', 'diagrams', 'compute_ms'],
  ['invocations_provenance', 'invocations', 'compute_ms'],
] as const;

/** These checks read JSON, which Postgres may refuse before they run. */
const NO_JSON = /invalid input syntax for type json|cannot get array length/;

async function dropTriggers(): Promise<void> {
  const drops = onPostgres
    ? `select format('drop trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger where not tgisinternal`
    : `select 'drop trigger ' || name from sqlite_master where type = 'trigger'`;
  for (const drop of await trial.column(drops)) await sql(String(drop));
}

/** The checks as the database has them. */
async function definitions(): Promise<string[]> {
  const texts = await trial.column(
    onPostgres
      ? `select format('CONSTRAINT "%s" %s', conname, pg_get_constraintdef(oid)) from pg_constraint
         where contype = 'c' and connamespace = current_schema()::regnamespace`
      : `select sql from sqlite_master where type = 'table' and name not like '\\_\\_%' escape '\\'`,
  );
  return texts.map(String);
}

describe('checks', () => {
  beforeEach(async () => {
    await dropTriggers();
    await sql('insert into removed_objects values (zeroblob(32), 1, null, null)');
    await sql(`insert into objects_places values (1, 'an id', 'a place')`);
    await sql(`insert into builds values ('panic-tda', 'a build', zeroblob(32), '0.1.0', 0)`);
    await sql(`insert into routes values ('a model', 'large', 'a worker', 0)`);
    await sql(`insert into failures (run_id, attempt, stage, kind, message, created_at)
      select min(id), 1, 'diagram', 'DeviceError', 'lost', 0 from runs`);
  });

  test.each(refusals)('%s refuses %s with %s where %s', async (check, table, assignment, where = 'true') => {
    expect(Number(await one(`select count(*) from ${table} where ${where}`))).toBeGreaterThan(0);
    await trial.only(check, table);
    const said = await refusal(`update ${table} set ${assignment} where ${where}`);
    if (onPostgres && NO_JSON.test(said))
      expect(['experiments_config', 'runs_network', 'run_statistics_parameters']).toContain(check);
    else expect(said).toBe(`CHECK constraint failed: ${check}`);
  });

  test('are all among those above', async () => {
    const names = (await definitions()).flatMap((text) =>
      [...text.matchAll(/CONSTRAINT "(\w+)" CHECK/g)].map((match) => String(match[1])),
    );
    const known = new Set<string>(refusals.map(([check]) => check));
    if (onPostgres) for (const [check] of NAN) known.add(check);
    expect([...known].toSorted()).toEqual(names.toSorted());
  });

  test('are never unknown: each says that its condition is true, so that NULL does not pass', async () => {
    const text = (await definitions()).join('\n');
    const count = (pattern: RegExp): number => text.match(pattern)!.length;
    if (onPostgres) expect(count(/ CHECK \(\(/g)).toBe(count(/ IS TRUE\)\)$/gm));
    else expect(count(/ CHECK\(\(/g)).toBe(count(/\) is true\)/g));
  });

  test('hold for NULL in every column that must have a value', async () => {
    for (const table of await tables()) {
      for (const { name, required, isKey } of await columns(table)) {
        if (!required || isKey) continue;
        const said = await refusal(`update ${table} set ${name} = null`);
        expect(said).toMatch(/^(NOT NULL|CHECK) constraint failed/);
      }
    }
  });

  test.each(NAN)('%s refuses a NaN', async (check, table, column) => {
    if (onPostgres) {
      await trial.only(check, table);
      const said = await refusal(`update ${table} set ${column} = 'NaN' where ${column} is not null`);
      expect(said).toBe(`CHECK constraint failed: ${check}`);
    } else {
      const said = await refusal(`update ${table} set ${column} = 9e999 - 9e999 where ${column} is not null`);
      const nullable = table === 'invocations';
      expect(said).toBe(
        nullable ? `CHECK constraint failed: ${check}` : `NOT NULL constraint failed: ${table}.${column}`,
      );
    }
  });

  test('a value of another type is refused: tables are strict', async () => {
    for (const table of await tables()) {
      for (const { name, isText } of await columns(table)) {
        if (isText) continue;
        expect(await refusal(`update ${table} set ${name} = cast('many' as text)`)).toMatch(
          /cannot store TEXT value|datatype mismatch|but expression is of type text/,
        );
      }
    }
  });
});

async function tables(): Promise<string[]> {
  const names = await trial.column(
    onPostgres
      ? `select table_name from information_schema.tables where table_schema = current_schema() and table_name not like '\\_\\_%'`
      : `select name from sqlite_master where type = 'table' and name not like '\\_\\_%' escape '\\'`,
  );
  return names.map(String);
}

interface Column {
  readonly name: string;
  readonly isText: boolean;
  readonly required: boolean;
  readonly isKey: boolean;
}

/** In the order of the table. */
async function columns(table: string): Promise<Column[]> {
  const rows = await trial.column(
    onPostgres
      ? `select json_build_object('name', attname, 'isText', atttypid = 'text'::regtype, 'required', attnotnull,
           'isKey', attnum = any (indkey))
         from pg_attribute join pg_index on indrelid = attrelid and indisprimary
         where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped order by attnum`
      : `select json_object('name', name, 'isText', type = 'text' collate nocase, 'required', "notnull" = 1, 'isKey', pk > 0)
         from pragma_table_info('${table}')`,
  );
  return rows.map((row) => {
    const { name, isText, required, isKey } = typeof row === 'string' ? JSON.parse(row) : row;
    return { name, isText: Boolean(isText), required: Boolean(required), isKey: Boolean(isKey) };
  });
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
    ['a vector of a prompt', 'insert into prompt_vectors select * from prompt_vectors'],
    [
      'the numbers of a run',
      'update run_statistics set model_id = (select min(model_id) from run_statistics)',
    ],
    ['a curve', `update run_curves set name = 'drift_first'`],
    ['a dimension of a surrogate', 'insert into surrogates select * from surrogates'],
    ['a dimension of a diagram', 'insert into diagram_dimensions select * from diagram_dimensions'],
    ['a run', `update runs set run_index = 0 where run_index = 1`],
    [
      'a step',
      `drop trigger invocations_are_immutable; update invocations set sequence = 0 where sequence = 1`,
    ],
    ['a diagram', 'update diagrams set model_id = (select min(model_id) from diagrams)'],
  ])('there is no second row of %s', async (_, statement) => {
    expect(await refusal(statement)).toMatch(/^UNIQUE constraint failed/);
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
    ['prompt_vectors', 'artifact_id', '9999'],
    ['prompt_vectors', 'model_id', '9999'],
    ['prompt_vectors', 'vector_id', '9999'],
    ['run_statistics', 'run_id', '9999'],
    ['run_statistics', 'model_id', '9999'],
    ['run_curves', 'statistics_id', '9999'],
    ['diagrams', 'run_id', '9999'],
    ['diagrams', 'model_id', '9999'],
    ['diagram_dimensions', 'diagram_id', '9999'],
    ['surrogates', 'diagram_id', '9999'],
  ])('%s.%s points at an existing row', async (table, column, missing) => {
    await dropTriggers();
    const last = `rowid = (select max(rowid) from ${table})`;
    expect(await refusal(`update ${table} set ${column} = ${missing} where ${last}`)).toMatch(
      /^FOREIGN KEY constraint failed/,
    );
  });

  test('every foreign key of the tables is among those above', async () => {
    const count = await one(
      onPostgres
        ? `select count(*) from pg_constraint where contype = 'f' and conrelid <> 'failures'::regclass`
        : `select count(*) from sqlite_master t, pragma_foreign_key_list(t.name) where t.type = 'table' and t.name <> 'failures'`,
    );
    expect(count).toBe(23);
  });

  test('a row that a trajectory needs cannot be deleted', async () => {
    for (const table of ['artifacts', 'models', 'hosts', 'vectors']) {
      expect(await refusal(`delete from ${table}`)).toMatch(/^FOREIGN KEY constraint failed/);
    }
  });

  test('the deletion of an experiment deletes its runs and all rows that depend on them', async () => {
    await sql('delete from experiments');
    for (const table of [
      'runs',
      'invocations',
      'embeddings',
      'diagrams',
      'diagram_dimensions',
      'surrogates',
      'run_statistics',
      'run_curves',
    ]) {
      expect(await one(`select count(*) from ${table}`)).toBe(0);
    }
  });
});

function next(changes: Readonly<Record<string, string>>): string {
  // The run's last step once more, as its own next step: valid except for the changes.
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

function endRun(length: string): Promise<string> {
  return refusal(
    `update runs set stop_reason = 'length', length = ${length}, max_length = 14 where run_index = 2`,
  );
}

function insertRun(prompt: string, end: string): Promise<string> {
  return refusal(`insert into runs (experiment_id, run_index, network, seed, prompt_id, max_length, stop_reason, length)
        select experiment_id, 9, network, 7, ${prompt}, 12, ${end} from runs where run_index = 0`);
}

function insertText(text: string): Promise<string> {
  return refusal(
    `insert into artifacts (modality, sha256, byte_length, text) values ('text', zeroblob(32), 1, ${text})`,
  );
}

function insertVector(bytes: string, modality: string): Promise<string> {
  return refusal(`insert into vectors (model_id, artifact_id, sha256, bytes, norm, compute_ms, host_id)
        select (select id from models where name = 'TextPoints'),
          (select max(id) from artifacts where modality = '${modality}'), zeroblob(32), ${bytes}, 1.0, 1.0, min(id) from hosts`);
}

function restoreEmbeddings(vector: string): Promise<string> {
  return refusal(`insert into embeddings select invocation_id, model_id, ${vector}, source from removed`);
}

function restoreDimensions(dimension: string, bars: string): Promise<string> {
  return refusal(
    `insert into diagram_dimensions select diagram_id, ${dimension}, ${bars}, 0, 0.0, zeroblob(8 * (${bars})) from removed`,
  );
}

async function restoreSurrogates(changes: Readonly<Record<string, string>>): Promise<string> {
  const values = (await columns('surrogates')).map(({ name }) => changes[name] ?? name);
  return refusal(`insert into surrogates select ${values.join(', ')} from removed`);
}

describe('triggers', () => {
  beforeEach(async () => {
    await sql(
      `update runs set status = 'running', stop_reason = null, length = null, max_length = 14 where run_index = 2`,
    );
  });

  test('a step continues its run', async () => {
    await sql(next({}));
    expect(await one('select max(sequence) from invocations')).toBe(12);
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
  ])('a step %s', async (_, changes, message) => {
    expect(await refusal(next(changes))).toContain(message);
  });

  test('the first step has the prompt as input', async () => {
    const run = await one('select id from runs where run_index = 3');
    await sql(`delete from invocations where run_id = ${String(run)}`);
    await sql(`update runs set status = 'running', stop_reason = null, length = null where run_index = 3`);
    const other = `(select prompt_id from runs where run_index = 2)`;
    expect(await refusal(firstStep(other))).toContain('its input is not the output');
    await sql(firstStep('prompt_id'));
  });

  test('an ended run takes no further step', async () => {
    const room = await one('select max_length - length from runs where run_index = 0');
    expect(Number(room)).toBeGreaterThan(0);
    expect(await refusal(next({ run_id: '(select id from runs where run_index = 0)' }))).toContain(
      'the run has ended',
    );
  });

  test('a text has a visible character', async () => {
    const blank = [
      '\u200b',
      '\u00a0\u0085\u2028\u3000',
      '\ufeff\u00ad\u2060',
      '\u3164\u115f\uffa0\u2800',
      '\ufe0f',
    ];
    for (const text of blank) expect(await insertText(`'${text}'`)).toContain('blank or contains U+0000');
    // Postgres cannot hold such a text at all.
    if (!onPostgres) expect(await insertText('char(97, 0, 98)')).toContain('blank or contains U+0000');
    expect(await insertText(`' \u200ba\u3164'`)).toBe('');
  });

  test('a run ends only with the steps that its length says', async () => {
    expect(await endRun('14')).toContain('its length differs from the number of its invocations');
    expect(await endRun('null')).not.toBe('');
  });

  test('steps and contents never change', async () => {
    for (const change of ['update invocations set created_at = 0', 'update artifacts set byte_length = 1']) {
      expect(await refusal(change)).toContain('written once and never changed');
    }
  });

  test('a new run is open, and its prompt is a text', async () => {
    expect(await insertRun('prompt_id', `'length', 12`)).toContain('a new run cannot have ended');
    for (const prompt of [`(select min(id) from artifacts where modality = 'image')`, '9999']) {
      expect(await insertRun(prompt, 'null, null')).toContain('its prompt is not a text');
    }
  });

  test('a vector has the dimension of its model and an artifact that the model takes', async () => {
    expect(await insertVector('zeroblob(12)', 'text')).toContain(
      'its length is not the dimension of its model',
    );
    expect(await insertVector('zeroblob(16)', 'image')).toContain('its model does not take this modality');
    expect(await insertVector('zeroblob(16)', 'text')).toBe('');
  });

  test('an embedding joins an output to a vector of that output and model', async () => {
    await sql('create temp table removed as select * from embeddings; delete from embeddings');
    const other = `(select max(id) from vectors v where v.model_id = removed.model_id and v.id <> vector_id)`;
    expect(await restoreEmbeddings(other)).toContain('its vector belongs to another output or model');
    expect(await restoreEmbeddings('vector_id')).toBe('');
  });

  test('dimension 0 has a bar for each distinct point, and no dimension is above the highest', async () => {
    await sql(
      'create temp table removed as select * from diagram_dimensions; delete from diagram_dimensions',
    );
    expect(await restoreDimensions('dimension', 'bar_count + 1')).toContain(
      'one bar for each distinct point',
    );
    expect(await restoreDimensions('dimension + 1', '1')).toContain('dimension above its max_dimension');
    expect(await restoreDimensions('dimension', 'bar_count')).toBe('');
  });

  describe('a surrogate', () => {
    beforeEach(() => sql('create temp table removed as select * from surrogates; delete from surrogates'));

    test('is one that its experiment asks for', async () => {
      expect(await restoreSurrogates({ surrogate_index: 'surrogate_index + 1' })).toContain(
        'does not ask for it',
      );
      const set = (value: string) =>
        sql(`update experiments set config = json_set(config, '$.null_model', json('${value}'))`);
      await set('{"surrogates": 2, "kinds": ["sphere"]}');
      expect(await restoreSurrogates({})).toContain('does not ask for it');
      await set('null');
      expect(await restoreSurrogates({ kind: `'sphere'` })).toContain('does not ask for it');
      await sql(`update experiments set config = json_remove(config, '$.null_model')`);
      expect(await restoreSurrogates({})).toContain('does not ask for it');
      await set('{"surrogates": 3, "kinds": ["sphere", "shuffled_increments"]}');
      expect(await restoreSurrogates({ surrogate_index: 'surrogate_index + 1' })).toBe('');
    });

    test('has the dimensions of its diagram, and no more components than points', async () => {
      expect(await restoreSurrogates({ dimension: 'dimension + 1' })).toContain(
        'dimension above the max_dimension',
      );
      expect(await restoreSurrogates({ bar_count: 'bar_count + 100' })).toContain(
        'no more bars than there are points',
      );
      expect(await restoreSurrogates({})).toBe('');
    });
  });
});
