import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { childEnvironment } from '../../common/child-environment.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const SCRIPT = `
  const { InferenceSession } = require(process.argv[1]);
  InferenceSession.create(process.argv[2]).then((session) => session.release());
`;

// On Linux the telemetry of the runtime leaves two traces: a log for each process, and an identifier of the user.
const testOnLinux = process.platform === 'linux' ? test : test.skip;
if (process.platform !== 'linux')
  console.warn('skipped: what the runtime leaves of its telemetry is known for Linux');

testOnLinux('a model process has no telemetry of the runtime, whatever the user has set', () => {
  const folder = temporaryFolder();
  const [home, temporary] = [join(folder, 'home'), join(folder, 'tmp')];
  for (const made of [home, temporary]) mkdirSync(made);
  const user = { ...process.env, CI: undefined, HOME: home, TMPDIR: temporary, ORT_DISABLE_TELEMETRY: '0' };
  const runtime = createRequire(import.meta.url).resolve('onnxruntime-node');
  const graph = resolve('test/fixtures/embedders/two-towers/model.onnx');
  const env = childEnvironment('runner', {}, user);
  execFileSync(process.execPath, ['-e', SCRIPT, runtime, graph], { env });
  expect(readdirSync(home)).toEqual([]);
  expect(readdirSync(temporary).filter((name) => name.startsWith('mat-debug'))).toEqual([]);
});
