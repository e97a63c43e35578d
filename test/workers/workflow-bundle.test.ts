import { expect, test } from '@jest/globals';
import { splitBundle } from '../../workers/workflow-bundle.js';

test('a bundle is its code and the source map after it; a worker loads no bundle without a source map', () => {
  const map = '//# sourceMappingURL=data:application/json;base64,e30=';
  const code = `const text = '${map}';\n`;
  expect(splitBundle(code + map)).toEqual({ code, sourceMap: map });
  expect(() => splitBundle('const text = 1;')).toThrow(/no source map/);
});
