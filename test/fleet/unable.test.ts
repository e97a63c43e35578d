import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp } from '../support/cli-process.js';
import { openRefusingService, type RefusingService } from '../support/refusing-service.js';
import { suiteAddress } from '../support/suite-server.js';
import { CLI } from '../support/worker-process.js';
import { openFleet, type Fleet } from '../support/fleet.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

let fleet: Fleet;
let file: string;
let service: RefusingService | null = null;
beforeEach(async () => {
  fleet = await openFleet();
  file = join(fleet.folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(EXPERIMENT));
});
afterEach(async () => {
  await fleet.close();
  await service?.close();
  service = null;
});
afterAll(cleanUp);

const UNAUTHENTICATED = 16;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

test('worker, run and doctor end at once and name the namespace if it does not exist', async () => {
  const nowhere = { TEMPORAL_NAMESPACE: 'not-there' };
  const named = `the Temporal service at ${suiteAddress()} has no namespace "not-there"`;
  const [worker, run, doctor] = await Promise.all([
    fleet.shortCommand(['worker'], nowhere),
    fleet.shortCommand(['run', file], nowhere),
    fleet.shortCommand(['doctor'], nowhere),
  ]);
  expect(worker).toMatchObject({ code: 2, stderr: expect.stringContaining(named) });
  expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining(named) });
  expect(doctor).toMatchObject({ code: 1, stdout: expect.stringContaining(`FAIL  ${named}`) });
});

test.each([
  {
    what: 'takes no credentials',
    codeOf: () => UNAUTHENTICATED,
    words: 'does not take the credentials of this process (so says the test); check TEMPORAL_API_KEY',
  },
  {
    what: 'lets no client see the namespace',
    codeOf: (method: string) => (method === 'DescribeNamespace' ? PERMISSION_DENIED : UNIMPLEMENTED),
    words: 'does not let this process work in the namespace',
  },
])('a worker ends at once, and says why, if the service $what', async ({ codeOf, words }) => {
  service = await openRefusingService(codeOf);
  const { address } = service;
  const { code, stderr } = await fleet.command(['worker'], { TEMPORAL_ADDRESS: address }).ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining(`the Temporal service at ${address} ${words}`),
  });
});

const canLimit = process.platform === 'linux' && spawnSync('bash', ['-c', 'ulimit -v 4000000']).status === 0;
if (!canLimit) console.warn('skipped: a limit of addresses is set with ulimit, which is not here');
const testWithLimit = canLimit ? test : test.skip;

function limited(kib: number, ...words: readonly string[]) {
  return spawnSync('bash', ['-c', `ulimit -v ${kib}; exec "$0" "$@"`, process.execPath, CLI, ...words], {
    encoding: 'utf8',
    cwd: fleet.folder,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      PANIC_TDA_TEST_MODELS: '1',
      TEMPORAL_ADDRESS: '',
      TEMPORAL_NAMESPACE: '',
    },
  });
}

testWithLimit('run ends with the reason if its workers do not get the addresses that they need', () => {
  const data = join(fleet.folder, 'narrow');
  const { status, stderr } = limited(4_000_000, 'run', file, '--data', data);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringMatching(
      /^panic-tda: worker-main-cpu cannot work: .*address space is limited to 4096000000 bytes/m,
    ),
  });
  const doctor = limited(4_000_000, 'doctor', '--data', data);
  expect(doctor.stdout).toMatch(/FAIL {2}this process gets addresses for/);
});
