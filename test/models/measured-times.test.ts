import { expect, test } from '@jest/globals';
import { catalogue, MEASURED_MS_PER_INVOCATION, MEASURED_MS_PER_VECTOR } from '../../models/index.js';

test('each model that comes with the program has a measured time for plan, and no other model has one', () => {
  const own = [...catalogue.values()].filter(
    ({ loader, source }) => loader === 'built-in' || source.startsWith('package:'),
  );
  const named = (kind: string): string[] =>
    own
      .filter((model) => model.kind === kind)
      .map(({ name }) => name)
      .sort();
  expect([...MEASURED_MS_PER_INVOCATION.keys()].sort()).toEqual(named('generative'));
  expect([...MEASURED_MS_PER_VECTOR.keys()].sort()).toEqual(named('embedding'));
});
