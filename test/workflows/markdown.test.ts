import { describe, expect, test } from '@jest/globals';
import { codeSpan } from '../../workflows/markdown.js';

describe('a foreign text in Markdown', () => {
  test.each([
    ['[click](https://example.org)', '`[click](https://example.org)`'],
    ['<img src=x onerror=alert(1)>', '`<img src=x onerror=alert(1)>`'],
    ['a ` b', '``a ` b``'],
    ['` a ``` b', '```` ` a ``` b ````'],
    ['first\n\n# second', '`first # second`'],
    [' spaces ', '`  spaces  `'],
  ])('%j is one code span', (text, span) => {
    expect(codeSpan(text)).toBe(span);
  });
});
