import { expect, test } from '@jest/globals';
import { nullModelRanks, nullModelText } from '../../cli/documents/null-model.js';
import type { SurrogateRow } from '../../db/index.js';

function surrogates(dimension: number, lengths: readonly number[]): SurrogateRow[] {
  return lengths.map((longestBar, surrogateIndex) => ({
    diagramId: 1,
    kind: 'sphere',
    surrogateIndex,
    dimension,
    barCount: Number(longestBar > 0),
    longestBar,
    totalPersistence: longestBar,
    entropy: 0,
  }));
}

const components = { dimension: 0, bars: Float32Array.of(0, 1, 0, Infinity) };
const ranked = { dimension: 1, bars: Float32Array.of(0.5, 0.75) };
const rows = [...surrogates(1, [0.125, 0.5, 0]), ...surrogates(2, [0, 0, 0])];

test('the longest bar is ranked among those of the surrogates', () => {
  const ranks = nullModelRanks([components, ranked], rows);
  expect(ranks).toEqual([{ dimension: 1, kind: 'sphere', surrogates: 3, longestBar: 0.25, rank: 2, p: 0.5 }]);
  expect(nullModelText(ranks)).toMatch(/^H1 +sphere +0\.250 +2 of 4 +0\.500$/m);
});

test.each([
  ['no bar', Float32Array.of()],
  ['only bars that never die', Float32Array.of(0.5, Infinity)],
])('%s: nothing is ranked, and the text says so', (_, bars) => {
  const ranks = nullModelRanks([components, ranked, { dimension: 2, bars }], rows);
  expect(ranks[1]).toEqual({
    dimension: 2,
    kind: 'sphere',
    surrogates: 3,
    longestBar: null,
    rank: null,
    p: null,
  });
  expect(nullModelText(ranks)).not.toMatch(/^H2 +sphere/m);
  expect(nullModelText(ranks)).toMatch(/0\.500\n\nH2 has no bar that dies: nothing to rank/);
  expect(nullModelText(ranks.slice(1))).toMatch(/^\nH2 has no bar that dies/);
});
