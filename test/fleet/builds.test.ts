import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { cleanUp } from '../support/cli-process.js';
import { builtVersion, type BuiltVersion } from '../support/built-version.js';
import { openVersionedFleet, type Fleet } from '../support/fleet.js';
import { DoctorDocument } from '../support/documents.js';

// These tests take seconds on an idle machine.
jest.setTimeout(120_000);

let later: BuiltVersion;
let fleet: Fleet;
beforeAll(() => {
  later = builtVersion({ version: '9.8.7', workflows: (code) => `${code}// other code\n` });
});
afterEach(async () => await fleet.close());
afterAll(async () => {
  await cleanUp();
  later.remove();
});

const BUILD = ['--deployment', 'fleet', '--build-id', 'v1'];

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: [],
  max_length: 4,
};

test('a worker refuses to serve if its build id stands for other workflow code, and the first worker goes on', async () => {
  fleet = await openVersionedFleet();
  const first = await fleet.worker([...BUILD, '--identity', 'first', '--set-current']);
  const refused = fleet.worker([...BUILD, '--queues', 'main'], {}, later.main);
  await expect(refused).rejects.toThrow(
    /^the worker ended with 2: [^]*the build id v1 of fleet stands for the workflow code [0-9a-f]{12} of version \S+, as its first worker recorded at \S+, and this worker has the code [0-9a-f]{12} of version 9\.8\.7\. .*"--build-id auto" makes one/,
  );

  const handle = await fleet.start(EXPERIMENT, 'goes-on');
  expect(await handle.result()).toMatchObject({ status: 'completed' });
  expect(first.process.exitCode).toBeNull();
});

test('other code serves under its own build id; without a version it serves with a warning; doctor reports both', async () => {
  fleet = await openVersionedFleet();
  await fleet.worker([...BUILD, '--queues', 'main']);
  // This worker loads no workflow code.
  await fleet.worker([...BUILD, '--queues', 'gpu'], {}, later.main);
  const auto = ['--deployment', 'fleet', '--build-id', 'auto', '--queues', 'main'];
  const own = await fleet.worker(auto, {}, later.main);
  expect(own.stderr()).toMatch(
    /set-current-version --deployment-name fleet --build-id 9\.8\.7-[0-9a-f]{12}$/m,
  );

  const mixed =
    /workers without a version have different workflow code: first \(\d\S+-[0-9a-f]{12}\), second \(9\.8\.7-[0-9a-f]{12}\)\. /;
  const first = await fleet.worker(['--queues', 'main', '--identity', 'first']);
  expect(first.stderr()).not.toMatch(/different workflow code/);
  const second = await fleet.worker(['--queues', 'main', '--identity', 'second'], {}, later.main);
  expect(second.stderr()).toMatch(mixed);

  const { findings } = DoctorDocument.parse(await fleet.json(['doctor']));
  const warning = { level: 'warning', text: expect.stringMatching(mixed) };
  expect(findings).toContainEqual(expect.objectContaining(warning));
  expect(findings.flatMap(({ builds = [] }) => builds)).toEqual([
    expect.objectContaining({ deployment: 'fleet', buildId: 'v1' }),
    expect.objectContaining({
      deployment: 'fleet',
      buildId: expect.stringMatching(/^9\.8\.7-/),
      version: '9.8.7',
    }),
  ]);
});
