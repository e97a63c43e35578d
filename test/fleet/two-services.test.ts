import { afterAll, afterEach, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, until } from '../support/cli-process.js';
import { invocationCount, violations, withStore } from '../support/store-checks.js';
import { suiteAddress, takeNamespace, withClient } from '../support/suite-server.js';
import { gateIn } from '../support/gate.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { openFleet, type Fleet } from '../support/fleet.js';

let fleet: Fleet;
afterEach(async () => await fleet.close());
afterAll(cleanUp);

/** A run that ends only after the test has opened the gate. */
const GATED = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 20,
  on_cycle: 'continue',
  reuse: false,
};

test('an experiment of another Temporal service is left to that service, and taken over if the user asks for it', async () => {
  const gate = gateIn(sharedTemporaryFolder());
  fleet = await openFleet(null, gate.env);
  const other = { TEMPORAL_NAMESPACE: takeNamespace() };
  const file = join(fleet.folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(GATED));
  const first = await fleet.worker(['--queues', 'all']);
  await fleet.worker(['--queues', 'all'], other);
  await fleet.start(GATED, 'there');
  await until(gate.lettingThrough(() => invocationCount(fleet.data) > 2));
  // Its workflow stays open, and waits for a worker.
  first.process.kill('SIGKILL');
  await first.ended;
  const [begun] = await withStore(fleet.data, ({ experiments }) => experiments.list());
  const { id } = begun!;
  const driverPlace = begun!.driverPlace!;
  expect(driverPlace).toContain(`the Temporal service at ${suiteAddress()}`);
  expect(driverPlace).toContain(`namespace ${fleet.env['TEMPORAL_NAMESPACE']}`);

  // On another service the experiment can be neither run, nor ended, nor deleted. Each command says which
  // service has it, and what to do.
  const resume = `panic-tda resume ${id}`;
  for (const [words, then] of [
    [['run', file], `"${resume} --take-over"`],
    [['cancel', id], `resume ${id} --take-over --data ${fleet.data}`],
    [['delete', id, '--yes'], 'add --take-over'],
  ] as const) {
    const { code, stderr } = await fleet.shortCommand([...words], other);
    expect({ words, code }).toEqual({ words, code: 2 });
    expect(stderr).toContain(driverPlace);
    expect(stderr).toContain(then);
  }
  const refusal = withClient(other.TEMPORAL_NAMESPACE, (client) =>
    client.workflow.execute('experiment', { taskQueue: 'panic-tda', workflowId: 'by-hand', args: [GATED] }),
  );
  await expect(refusal).rejects.toMatchObject({
    cause: { cause: { type: 'AlreadyRunning', message: expect.stringContaining(driverPlace) as unknown } },
  });
  expect(await fleet.json(['status'], other)).toMatchObject({
    status: 'running',
    driven: { by: 'elsewhere', place: driverPlace },
  });

  // The service that has it answers as before.
  expect(JSON.parse((await fleet.shortCommand(['status', '--json'])).stdout)).toMatchObject({
    driven: { by: 'service' },
  });
  expect((await fleet.shortCommand(['resume', id, '--take-over', '--run', '0'], other)).code).toBe(2);

  gate.open();
  const { code, stderr } = await fleet.shortCommand(['resume', id, '--take-over'], other);
  expect(stderr).toContain(`Experiment ${id} is taken from ${driverPlace}.`);
  expect(code).toBe(0);
  const row = await withStore(fleet.data, ({ experiments }) => experiments.get(id));
  expect(row).toMatchObject({ status: 'completed', driverWorkflowId: null, driverService: null });
  expect(await violations(fleet.data)).toEqual([]);
});
