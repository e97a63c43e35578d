import { expect, test } from '@jest/globals';
import { splitBundle } from '../../workers/workflow-bundle.js';

test('a bundle is its code and the source map behind it; one without a source map is no bundle that a worker loads', () => {
  const map = '//# sourceMappingURL=data:application/json;base64,e30=';
  const code = `const text = '${map}';\n`;
  expect(splitBundle(code + map)).toEqual({ code, sourceMap: map });
  expect(() => splitBundle('const text = 1;')).toThrow(/no source map/);
});
