import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { experimentFile } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { FIELDS, KEPT_FIELD_NAMES } from '../../experiment/fields.js';
import { experimentId } from '../../experiment/ids.js';
import { allowedAt } from '../../experiment/schema.js';
import { storedConfig } from '../../experiment/stored-config.js';
import { validateExperiment } from '../../experiment/validate.js';
import { catalogue, smallestConfig } from '../support/small-catalogue.js';

/** Files with every field, and the results of a version without a table of fields, letter by letter. */
interface Before {
  readonly file: object;
  readonly id: string;
  readonly config: string;
  /** The file in the form that a workflow receives. */
  readonly given: string;
  /** The config read from a store from before some of the fields existed. */
  readonly older: string;
}

const before: readonly Before[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/experiment-ids.json'), 'utf8'),
);

describe('experiments from before the table of fields existed', () => {
  test.each(before.map((one, index) => [index, one] as const))('have their id and config: %d', (_, one) => {
    const checked = validateExperiment(one.file, catalogue);
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    const { config } = checked;
    expect(experimentId(config)).toBe(one.id);
    expect(JSON.stringify(config)).toBe(one.config);
    expect(JSON.stringify(experimentFile(config))).toBe(one.given);
    const { null_model: _null, weight: _weight, ...older } = config;
    expect(JSON.stringify(storedConfig(JSON.stringify(older)))).toBe(one.older);
    expect(experimentId(storedConfig(JSON.stringify(config)))).toBe(one.id);
  });

  test('have every field with and without its default', () => {
    for (const name of KEPT_FIELD_NAMES) {
      expect({ name, values: new Set(before.map(({ config }) => valueIn(config, name))).size }).not.toEqual({
        name,
        values: 1,
      });
    }
  });
});

function valueIn(config: string, name: keyof ExperimentConfig): string {
  const parsed: ExperimentConfig = JSON.parse(config);
  return JSON.stringify(parsed[name]) ?? '';
}

test('a validated experiment has exactly the fields that are kept', () => {
  const optional = KEPT_FIELD_NAMES.filter((name) => name !== 'drawn_seeds');
  expect(Object.keys(smallestConfig).toSorted()).toEqual([...optional].toSorted());
});

test('each place of a field says what is allowed', () => {
  expect(allowedAt([])).toBe('an object { } with the fields of an experiment');
  expect(allowedAt(['networks', 0, 1])).toBe(FIELDS.networks.allowed['[][]']);
  expect(allowedAt(['null_model', 'kinds', 0])).toBe(FIELDS.null_model.allowed['.kinds[]']);
  expect(allowedAt(['weight', 'of'])).toBe('another value');
  expect(allowedAt(['elsewhere'])).toBe('another value');
});
