import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { formatProblems, parseExperimentText, validateExperiment } from '../../experiment/index.js';
import type { ExperimentConfig, Problem } from '../../experiment/index.js';
import { catalogue, smallest, smallestConfig } from '../support/small-catalogue.js';

function problemsOf(value: unknown): readonly Problem[] {
  const validation = validateExperiment(value, catalogue);
  return validation.ok ? [] : validation.problems;
}

function configOf(value: unknown): ExperimentConfig {
  const validation = validateExperiment(value, catalogue);
  if (!validation.ok) throw new Error(formatProblems(validation.problems, validation.source));
  return validation.config;
}

function nullModelOf(null_model: unknown): unknown {
  return configOf({ ...smallest, null_model }).null_model;
}

describe('a valid experiment', () => {
  test('gets every optional field filled in', () => {
    expect(configOf(smallest)).toEqual(smallestConfig);
  });

  test('of the Python system, with seeds or seed_count, is taken unchanged', () => {
    const { seeds: _, ...withoutSeeds } = smallest;
    expect(configOf({ ...withoutSeeds, seed_count: 3 })).toEqual({ ...smallestConfig, seeds: [-1, -1, -1] });
  });

  test('may name its JSON Schema, which is dropped', () => {
    expect(configOf({ $schema: 'experiment.schema.json', ...smallest })).toEqual(smallestConfig);
  });

  test('that was validated is itself a valid experiment and stays equal', () => {
    const config = {
      ...smallestConfig,
      name: 'again',
      seeds: [-1, 0, -1],
      max_edge_length: 0.5,
      null_model: { surrogates: 19, kinds: ['shuffled_increments', 'sphere'] },
      concurrency: 1,
      weight: 2.5,
    };
    expect(configOf(config)).toEqual(config);
  });

  test('may have a null model, of both kinds unless it says which, in the order of the kinds', () => {
    const both = ['shuffled_increments', 'sphere'];
    expect(nullModelOf({ surrogates: 1 })).toEqual({ surrogates: 1, kinds: both });
    expect(nullModelOf({ surrogates: 999, kinds: both.toReversed() })).toEqual({
      surrogates: 999,
      kinds: both,
    });
    expect(nullModelOf({ surrogates: 9, kinds: ['sphere'] })).toEqual({ surrogates: 9, kinds: ['sphere'] });
    expect(nullModelOf(null)).toBeNull();
  });

  test('may ask for surrogates of runs that can be too long, if each of them may end in a cycle before', () => {
    const config = { ...smallest, max_length: 131_072, null_model: { surrogates: 1 } };
    expect(configOf(config)).toMatchObject({ max_length: 131_072 });
    expect(configOf({ ...config, max_length: 131_070, seeds: [-1] })).toMatchObject({ max_length: 131_070 });
  });

  test('may have prompts as long as models read', () => {
    expect(configOf({ ...smallest, prompts: ['b'.repeat(100_000)] })).toMatchObject({ max_length: 10 });
  });

  test('may repeat seed -1, and a model within a network', () => {
    const networks = [['Painter', 'Describer', 'Painter', 'Describer', 'Rewriter']];
    expect(problemsOf({ ...smallest, networks, seeds: [-1, -1, 3] })).toEqual([]);
  });

  test('may end a network with any output if max_length never wraps', () => {
    expect(problemsOf({ ...smallest, networks: [['Rewriter', 'Painter']], max_length: 2 })).toEqual([]);
    expect(problemsOf({ ...smallest, networks: [['Rewriter', 'Painter']], max_length: 3 })).toHaveLength(1);
  });

  test('takes every limit itself', () => {
    const seeds = [Number.MAX_SAFE_INTEGER, 0, -1];
    expect(
      problemsOf({ ...smallest, seeds, max_length: 1_000_000, concurrency: 1000, weight: 1000 }),
    ).toEqual([]);
    expect(
      problemsOf({ ...smallest, max_length: 2, concurrency: 1, weight: 0.001, max_dimension: 0 }),
    ).toEqual([]);
    expect(problemsOf({ ...smallest, seeds: undefined, seed_count: 1_000_000 })).toEqual([]);
    expect(problemsOf({ ...smallest, embedding_models: [] })).toEqual([]);
  });

  test('has 0 if JSON says -0', () => {
    expect(configOf({ ...smallest, seeds: [-0] })).toEqual({ ...smallestConfig, seeds: [0] });
  });
});

type BadCase = readonly [what: string, change: object, path: string, found: string, allowed: string];

const badCases: readonly BadCase[] = [
  ['no networks', { networks: [] }, 'networks', 'an empty list', 'at least one network'],
  ['networks missing', { networks: undefined }, 'networks', 'nothing', 'at least one network'],
  ['a network that is not a list', { networks: ['Painter'] }, 'networks[0]', '"Painter"', 'a list of'],
  [
    'an empty network',
    { networks: [['Rewriter'], []] },
    'networks[1]',
    'an empty list',
    'at least one model',
  ],
  ['a model that is not text', { networks: [['Rewriter', 7]] }, 'networks[0][1]', '7', 'generative model'],
  ['an empty model name', { networks: [['']] }, 'networks[0][0]', '""', 'generative model'],
  ['a misspelt model', { networks: [['Paintr']] }, 'networks[0][0]', '"Paintr"', 'did you mean "Painter"'],
  [
    'a model in other case',
    { networks: [['painter']] },
    'networks[0][0]',
    '"painter"',
    'did you mean "Painter"',
  ],
  [
    'an unlikely model',
    { networks: [['DALL-E']] },
    'networks[0][0]',
    '"DALL-E"',
    'Painter, Describer, Rewriter',
  ],
  [
    'an embedding model in a network',
    { networks: [['TextPoints']] },
    'networks[0][0]',
    'an embedding model',
    'generative',
  ],
  [
    'a network that starts with an image',
    { networks: [['Describer', 'Painter']] },
    'networks[0][0]',
    'takes images',
    'takes texts: Painter',
  ],
  [
    'neighbours that do not connect',
    { networks: [['Painter', 'Rewriter', 'Rewriter']] },
    'networks[0][1]',
    '"Rewriter" takes texts but "Painter" before it gives images',
    'Describer',
  ],
  [
    'a last model that does not lead to the first',
    { networks: [['Rewriter', 'Painter']] },
    'networks[0]',
    '"Painter" gives images',
    'max_length of at most 2',
  ],
  [
    'a network twice',
    { networks: [['Rewriter'], ['Rewriter']] },
    'networks[1]',
    'first at networks[0]',
    'once',
  ],
  ['no prompts', { prompts: [] }, 'prompts', 'an empty list', 'at least one prompt'],
  ['prompts that are one text', { prompts: 'a red apple' }, 'prompts', '"a red apple"', 'a list'],
  ['an empty prompt', { prompts: ['a', ''] }, 'prompts[1]', '""', 'visible'],
  ['a blank prompt', { prompts: [' \t\n\u00a0'] }, 'prompts[0]', '\\t\\n', 'visible'],
  ['a prompt twice', { prompts: ['a', 'b', 'a'] }, 'prompts[2]', 'first at prompts[0]', 'once'],
  ['a prompt with half a surrogate pair', { prompts: ['a\ud83d'] }, 'prompts[0]', 'surrogate', 'Unicode'],
  ['a prompt with NUL', { prompts: ['a\0b'] }, 'prompts[0]', 'NUL', 'without NUL'],
  [
    'a prompt that no model reads',
    { prompts: ['a', 'b'.repeat(100_001)] },
    'prompts[1]',
    '100,001',
    '100,000',
  ],
  ['a prompt with U+FFFD', { prompts: ['caf\ufffd'] }, 'prompts[0]', 'U+FFFD', 'UTF-8'],
  ['a name with U+FFFD', { name: 'caf\ufffd' }, 'name', 'U+FFFD', 'UTF-8'],
  [
    'surrogates of more points than a diagram can have',
    { seeds: [-1], max_length: 131_072, null_model: { surrogates: 1 } },
    'networks[0]',
    '65,536 points',
    '65,535',
  ],
  [
    'such surrogates of runs that go on after their cycle',
    { on_cycle: 'continue', max_length: 131_072, null_model: { surrogates: 1 } },
    'networks[0]',
    '65,536 points',
    '65,535',
  ],
  ['neither seeds nor seed_count', { seeds: undefined }, 'seeds', 'nothing', 'seed_count'],
  ['both seeds and seed_count', { seed_count: 2 }, 'seed_count', 'both', 'one of the two'],
  ['no seeds', { seeds: [] }, 'seeds', 'an empty list', 'at least one integer'],
  ['a seed below -1', { seeds: [-2] }, 'seeds[0]', '-2', 'from -1'],
  ['a fraction as a seed', { seeds: [1, 1.5] }, 'seeds[1]', '1.5', 'an integer'],
  [
    'a seed that JSON cannot hold exactly',
    { seeds: [2 ** 53] },
    'seeds[0]',
    '9007199254740992',
    '9007199254740991',
  ],
  ['a fixed seed twice', { seeds: [-1, 5, -1, 5] }, 'seeds[3]', 'first at seeds[1]', 'once'],
  ['a seed_count of 0', { seeds: undefined, seed_count: 0 }, 'seed_count', '0', 'from 1'],
  ['a seed_count as text', { seeds: undefined, seed_count: '3' }, 'seed_count', '"3"', 'an integer'],
  [
    'an enormous seed_count',
    { seeds: undefined, seed_count: 1e15 },
    'seed_count',
    '1000000000000000',
    '1,000,000',
  ],
  [
    'embedding models that are one name',
    { embedding_models: 'TextPoints' },
    'embedding_models',
    '"TextPoints"',
    'a list',
  ],
  [
    'a generative model for embedding',
    { embedding_models: ['Painter'] },
    'embedding_models[0]',
    'a generative model',
    'TextPoints',
  ],
  [
    'a misspelt embedding model',
    { embedding_models: ['TextPoint'] },
    'embedding_models[0]',
    'unknown',
    '"TextPoints"',
  ],
  [
    'an embedding model twice',
    { embedding_models: ['TextPoints', 'TextPoints'] },
    'embedding_models[1]',
    'again',
    'once',
  ],
  [
    'an embedding model without outputs',
    { networks: [['Rewriter'], ['Painter', 'Describer']], embedding_models: ['ImagePoints'] },
    'embedding_models[0]',
    'none come out of networks[0]',
    'every network',
  ],
  [
    'an embedding model whose outputs lie beyond max_length',
    { max_length: 1 },
    'embedding_models[0]',
    'networks[0]',
    'within max_length',
  ],
  ['a max_length of 0', { max_length: 0 }, 'max_length', '0', 'from 1'],
  ['a max_length above the limit', { max_length: 1_000_001 }, 'max_length', '1000001', '1,000,000'],
  ['a fraction as max_length', { max_length: 1.5 }, 'max_length', '1.5', 'an integer'],
  ['max_length as text', { max_length: '10' }, 'max_length', '"10"', 'an integer'],
  ['null as max_length', { max_length: null }, 'max_length', 'null', 'an integer'],
  ['NaN as max_length', { max_length: Number.NaN }, 'max_length', 'NaN', 'an integer'],
  ['infinity as max_length', { max_length: Infinity }, 'max_length', 'Infinity', 'an integer'],
  ['max_length missing', { max_length: undefined }, 'max_length', 'nothing', 'an integer'],
  ['a number as name', { name: 3 }, 'name', '3', 'text'],
  ['a blank name', { name: ' ' }, 'name', '" "', 'text'],
  ['another on_cycle', { on_cycle: 'halt' }, 'on_cycle', '"halt"', '"continue"'],
  ['a dimension of 3', { max_dimension: 3 }, 'max_dimension', '3', '0, 1 or 2'],
  ['an edge length of 0', { max_edge_length: 0 }, 'max_edge_length', '0', 'above 0'],
  ['an infinite edge length', { max_edge_length: Infinity }, 'max_edge_length', 'Infinity', 'above 0'],
  ['a null model that is a number', { null_model: 99 }, 'null_model', '99', 'surrogates and kinds'],
  ['a null model that is a list', { null_model: [9] }, 'null_model', 'a list of 1', 'an object'],
  ['a null model without surrogates', { null_model: {} }, 'null_model.surrogates', 'nothing', '1 to 999'],
  ['0 surrogates', { null_model: { surrogates: 0 } }, 'null_model.surrogates', '0', '1 to 999'],
  ['too many surrogates', { null_model: { surrogates: 1000 } }, 'null_model.surrogates', '1000', '1 to 999'],
  ['half a surrogate', { null_model: { surrogates: 1.5 } }, 'null_model.surrogates', '1.5', 'an integer'],
  [
    'surrogates of no kind',
    { null_model: { surrogates: 9, kinds: [] } },
    'null_model.kinds',
    'an empty list',
    'at least one',
  ],
  [
    'a kind of surrogate that is one text',
    { null_model: { surrogates: 9, kinds: 'sphere' } },
    'null_model.kinds',
    '"sphere"',
    'a list',
  ],
  [
    'an unknown kind of surrogate',
    { null_model: { surrogates: 9, kinds: ['sphere', 'ball'] } },
    'null_model.kinds[1]',
    '"ball"',
    '"shuffled_increments" or "sphere"',
  ],
  [
    'a kind of surrogate twice',
    { null_model: { surrogates: 9, kinds: ['sphere', 'sphere'] } },
    'null_model.kinds[1]',
    'first at null_model.kinds[0]',
    'once',
  ],
  [
    'a misspelt field of a null model',
    { null_model: { surrogates: 9, kind: ['sphere'] } },
    'null_model.kind',
    'an unknown field',
    '"kinds"',
  ],
  [
    'an unlikely field of a null model',
    { null_model: { surrogates: 9, colour: 'red' } },
    'null_model.colour',
    'an unknown field',
    'surrogates, kinds',
  ],
  ['reuse as text', { reuse: 'no' }, 'reuse', '"no"', 'true or false'],
  [
    'a null model of no diagrams',
    { embedding_models: [], null_model: { surrogates: 9 } },
    'null_model',
    'surrogates without embedding_models',
    'at least one embedding model',
  ],
  ['no weight', { weight: 0 }, 'weight', '0', 'from 0.001'],
  ['too much weight', { weight: 1001 }, 'weight', '1001', '1000'],
  ['no concurrency', { concurrency: 0 }, 'concurrency', '0', 'from 1'],
  ['too much concurrency', { concurrency: 1001 }, 'concurrency', '1001', '1000'],
  ['a $schema that is not text', { $schema: 1 }, '$schema', '1', 'text'],
  ['a misspelt field', { max_lenght: 5 }, 'max_lenght', 'an unknown field', '"max_length"'],
  ['an unlikely field', { colour: 'red' }, 'colour', 'an unknown field', 'networks, prompts'],
  [
    'too many runs',
    { seeds: undefined, seed_count: 600_000, prompts: ['a', 'b'] },
    '',
    '1,200,000 runs',
    'at most 1,000,000',
  ],
  [
    'more than Temporal takes',
    { prompts: Array.from({ length: 30 }, (_, k) => `story ${k}: ${'and then '.repeat(9_000)}`) },
    '',
    'bytes of JSON',
    'at most 2,000,000',
  ],
];

describe('a bad experiment', () => {
  test.each(badCases)('%s', (_what, change, path, found, allowed) => {
    const problems = problemsOf({ ...smallest, ...change });
    const problem = problems.find((one) => one.path === path && one.found.includes(found));
    expect(problem?.allowed).toContain(allowed);
    expect(problem?.message).toContain(path);
  });

  test.each(badCases)('%s is reported without follow-up problems', (_what, change) => {
    expect(problemsOf({ ...smallest, ...change })).toHaveLength(1);
  });

  test.each([null, 3, 'text', true, [], [smallest]])('that is not an object: %j', (value) => {
    expect(problemsOf(value)).toMatchObject([{ path: '', allowed: expect.stringContaining('an object') }]);
  });

  test('is reported with all its problems, in the order of the fields', () => {
    const problems = problemsOf({
      max_lenght: 10,
      null_model: { surrogates: 0, kind: 1 },
      max_length: 0,
      embedding_models: ['TextPoint'],
      prompts: ['a', ' ', 'a'],
      seeds: [-5],
      networks: [['Rewriter'], ['Painter', 'Paint', 'Restyler'], ['Painter', 'Painter']],
    });
    expect(problems.map(({ path }) => path)).toEqual([
      'networks[1]',
      'networks[1][1]',
      'networks[2]',
      'networks[2][1]',
      'prompts[1]',
      'prompts[2]',
      'seeds[0]',
      'embedding_models[0]',
      'max_length',
      'null_model.kind',
      'null_model.surrogates',
      'max_lenght',
    ]);
  });

  test('names every network that an embedding model does not match', () => {
    const networks = [['Rewriter'], ['Painter', 'Describer'], ['Rewriter', 'Rewriter']];
    const problems = problemsOf({ ...smallest, networks, embedding_models: ['TextPoints', 'ImagePoints'] });
    expect(problems).toMatchObject([
      { path: 'embedding_models[1]', found: expect.stringContaining('networks[0], networks[2]') },
    ]);
  });

  test('reads as one line per problem under the name of the file', () => {
    const validation = parseExperimentText(
      JSON.stringify({
        ...smallest,
        prompts: ['two\nlines\u2028\u202e', 'two\nlines\u2028\u202e'],
        max_length: 1.5,
      }),
      'my.json',
      catalogue,
    );
    expect(validation).toMatchObject({ ok: false, source: 'my.json' });
    const lines = validation.ok
      ? []
      : formatProblems(validation.problems, validation.source).split(/[\n\u2028]/);
    expect(lines).toEqual([
      'my.json: 2 problems',
      '  prompts[1]: found "two\\nlines\\u2028\\u202e" again (first at prompts[0]); allowed: each once',
      '  max_length: found 1.5; allowed: an integer from 1 to 1,000,000',
    ]);
  });

  test('with very many problems is reported in a bounded text', () => {
    const problems = problemsOf({ ...smallest, seeds: Array.from({ length: 5000 }, () => 0.5) });
    expect(problems).toHaveLength(5000);
    const text = formatProblems(problems, 'my.json');
    expect(text).toContain('and 4900 more');
    expect(text.length).toBeLessThan(20_000);
  });
});

test('any JSON value is a config or has problems, each with its message on one line', () => {
  const nearlyValid = fc.record(
    {
      networks: fc.oneof(
        fc.array(fc.array(fc.constantFrom('Painter', 'Describer', 'Rewriter', 'x'))),
        fc.jsonValue(),
      ),
      prompts: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
      seeds: fc.oneof(fc.array(fc.integer({ min: -3 })), fc.jsonValue()),
      seed_count: fc.oneof(fc.integer(), fc.jsonValue()),
      embedding_models: fc.oneof(fc.array(fc.constantFrom('TextPoints', 'ImagePoints')), fc.jsonValue()),
      max_length: fc.oneof(fc.integer(), fc.jsonValue()),
      on_cycle: fc.jsonValue(),
      max_dimension: fc.oneof(fc.constantFrom(0, 1, 2), fc.jsonValue()),
      max_edge_length: fc.oneof(fc.double(), fc.jsonValue()),
      null_model: fc.oneof(
        fc.record({ surrogates: fc.integer({ min: -1, max: 1001 }) }),
        fc.record({ surrogates: fc.jsonValue(), kinds: fc.jsonValue() }),
        fc.jsonValue(),
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), nearlyValid, fc.anything()), (value) => {
      const validation = validateExperiment(value, catalogue);
      if (validation.ok) return validateExperiment(validation.config, catalogue).ok;
      const lines = formatProblems(validation.problems, 'x').split(/[\n\r\u2028\u2029]/);
      return validation.problems.length > 0 && lines.length === Math.min(validation.problems.length, 101) + 1;
    }),
    { numRuns: 500 },
  );
});

describe('an experiment that an older version may have stored', () => {
  test.each([
    ['U+FFFD', { name: 'caf\ufffd' }],
    ['models that the catalogue has no more', { embedding_models: ['Gone'] }],
    ['surrogates of too many points', { seeds: [-1], max_length: 131_072, null_model: { surrogates: 1 } }],
  ])('is refused as a new one and known as a stored one: %s', (_, fields) => {
    const validation = validateExperiment({ ...smallest, ...fields }, catalogue);
    expect(validation).toMatchObject({ ok: false, ifStored: fields });
  });

  test('is not accepted with a problem that no version accepted', () => {
    const validation = validateExperiment({ ...smallest, name: 'caf\ufffd', max_length: 0 }, catalogue);
    expect(validation).not.toHaveProperty('ifStored');
  });
});
