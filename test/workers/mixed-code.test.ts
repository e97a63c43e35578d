import { expect, test } from '@jest/globals';
import { mixedCodeText } from '../../workers/temporal/mixed-code.js';

const own = (identity: string, version: string, code = '71d57c20c8cf') => ({
  identity,
  buildId: `${version}-${code}`,
});
const before = (identity: string) => ({ identity, buildId: `@temporalio/worker@1.24.0+${'9'.repeat(64)}` });

test('workers with the same code get no warning, whatever their version', () => {
  expect(mixedCodeText([])).toBeNull();
  expect(mixedCodeText([before('a'), before('b')])).toBeNull();
  expect(mixedCodeText([own('a', '0.2.0'), own('b', '0.2.1')])).toBeNull();
});

test('the warning names each of several workers with its own code', () => {
  expect(mixedCodeText([own('b', '0.2.0', '000000000000'), own('a', '0.2.0'), before('c')])).toMatch(
    /: a \(0\.2\.0-71d57c20c8cf\), b \(0\.2\.0-000000000000\), c \(a version before 0\.2\.0\)\. .*may stand still/,
  );
});
