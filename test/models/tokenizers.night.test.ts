import { expect, test } from '@jest/globals';
import { disagreements, families, opened, tokenizerJson } from './tokenizer-families.js';

test.each(Object.keys(families))(
  '%s: ids are those of Python, and so is the text that is read of them, for each text',
  async (family) => {
    expect(await disagreements(await opened(tokenizerJson(family)), family)).toEqual([]);
  },
  300_000,
);
