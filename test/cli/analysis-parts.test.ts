import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { array, assert, constantFrom, property, string } from 'fast-check';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cell, CsvError, csvLine, parseCsv } from '../../cli/analysis/csv.js';
import { networkBytes, refuseTooLarge } from '../../cli/analysis/memory.js';
import { splitWords } from '../../cli/analysis/request.js';
import { writeTables } from '../../cli/analysis/table-folder.js';
import { adjusted, type FamilyTest } from '../../cli/analysis/test-family.js';
import { cleanUp, folderWith } from '../support/cli-process.js';

afterAll(cleanUp);

describe('CSV', () => {
  test('reads what it writes, whatever the texts are', () => {
    const texts = array(
      array(string({ unit: constantFrom('a', ',', '"', '\n', '\r', ' ', 'é') }), {
        minLength: 2,
        maxLength: 3,
      }),
    );
    assert(
      property(texts, (rows) => {
        const text = rows.map((row) => csvLine(row)).join('');
        expect(parseCsv(text).map(({ cells }) => cells)).toEqual(rows);
      }),
    );
  });

  test('an undefined value is an empty cell, and a number keeps all its digits', () => {
    expect(csvLine([null, 1 / 3, true, 'a', ''])).toBe(',0.3333333333333333,true,a,""\n');
  });

  test('counts lines also within quotes, takes lines of Windows, and leaves out blank ones', () => {
    const records = parseCsv('a,b\r\n\r\n"x\ny",1\r\nz,2');
    expect(records).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 3, cells: ['x\ny', '1'] },
      { line: 5, cells: ['z', '2'] },
    ]);
  });

  test.each([
    ['a,b\n"x,1\ny', 2, /a quote that is not closed/],
    ['a,b\n"x\ny"z,1', 2, /text after a closing quote/],
  ])('%j is refused with its line', (text, line, told) => {
    const parse = (): unknown => parseCsv(text);
    expect(parse).toThrow(CsvError);
    expect(parse).toThrow(told);
    expect(parse).toThrow(new RegExp(`^line ${line}:`));
  });
});

/** Many rows; before one in the middle it calls `stop`. */
function* rowsUntil(stop: () => void): Generator<readonly Cell[]> {
  for (let row = 0; row < 50_000; row++) {
    if (row === 20_000) stop();
    yield [row, 'a text that fills the portion'];
  }
}

describe('tables', () => {
  let folder: string;
  beforeAll(() => {
    folder = folderWith();
  });

  test('a signal in the middle leaves nothing, not even the tables before', async () => {
    const controller = new AbortController();
    const stop = (): void => controller.abort(new Error('stopped'));
    const tables = [
      { name: 'first', columns: ['a', 'b'], rows: [[1, 2]] },
      { name: 'second', columns: ['a', 'b'], rows: rowsUntil(stop) },
    ];
    await expect(writeTables(join(folder, 'stopped'), tables, controller.signal)).rejects.toThrow('stopped');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('long tables are whole, and take the place of an empty folder', async () => {
    const target = join(folder, 'long');
    mkdirSync(target);
    const tables = [{ name: 'long', columns: ['a', 'b'], rows: rowsUntil(() => undefined) }];
    await writeTables(target, tables, new AbortController().signal);
    expect(readdirSync(folder)).toEqual(['long']);
    const lines = readFileSync(join(target, 'long.csv'), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(50_001);
    expect(lines.at(-1)).toBe('49999,a text that fills the portion');
  });
});

function refuseBytes(needed: number): void {
  refuseTooLarge({ network: 'A → B', runs: [] }, { name: 'Nomic' }, needed, 2 ** 30);
}

describe('memory', () => {
  const sizes = [
    { steps: 100, distinct: 40 },
    { steps: 50, distinct: 10 },
  ];

  test('counts each distinct vector once, up to the horizon, and the largest run twice', () => {
    expect(networkBytes(sizes, 100, 8)).toBe((40 + 10 + 40) * 8 * 4 + 2 * 100 * 16 + 4 * 8);
    expect(networkBytes(sizes, 20, 8)).toBe((20 + 10 + 20) * 8 * 4 + 2 * 20 * 16 + 4 * 8);
  });

  test('too much is refused with the figure, the limit and the remedy', () => {
    expect(() => refuseBytes(2 ** 30)).not.toThrow();
    expect(() => refuseBytes(3 * 2 ** 30)).toThrow(
      /A → B under Nomic need 3\.0 GiB of memory, and an analysis may take 1\.0 GiB, .* lower --horizon, fewer experiments/,
    );
  });
});

test('the words of analyse are ids, and then what to analyse', () => {
  expect(splitWords(['a', 'b', 'runs'])).toEqual({ ids: ['a', 'b'], what: 'runs' });
  expect(() => splitWords(['a', 'clusters'])).toThrow(/say what to analyse/);
});

/** Without rounding errors. */
function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toFixed(12));
}

/** A test with this p, or one that was not made. */
const of = (p: number | null): FamilyTest => ({
  model: 'M',
  network: null,
  statistic: 's',
  compares: '',
  value: p === null ? null : 1,
  test:
    p === null
      ? null
      : { p, floor: 0.01, isExact: false, compared: 99, relabellings: null, arrangements: null },
  reason: p === null ? 'why' : null,
});

describe('a family of tests', () => {
  test('has q by Benjamini and Hochberg, and does not count a test that was not made', () => {
    const found = adjusted([of(0.02), of(0.5), of(null), of(0.01)]);
    expect(found.map(({ q }) => rounded(q))).toEqual([0.03, 0.5, null, 0.03]);
    expect(found.map((one) => rounded(one.holm))).toEqual([0.04, 0.5, null, 0.03]);
  });

  test('has Holm beside q below 20 tests that were made', () => {
    const small = adjusted([...Array.from({ length: 19 }, () => of(0.01)), of(null)]);
    expect(small[0]).toMatchObject({ p: 0.01, q: 0.01, holm: 0.19, atFloor: true });
    expect(small.at(-1)).toMatchObject({ p: null, q: null, holm: null, atFloor: null, floor: null });
    const large = adjusted(Array.from({ length: 20 }, () => of(0.02)));
    expect(large[0]).toMatchObject({ q: 0.02, holm: null, atFloor: false });
  });
});
