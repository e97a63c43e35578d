import { afterAll, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cleanUp, until } from '../support/cli-process.js';
import { gateIn } from '../support/gate.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { repositoryPath } from '../support/child-processes.js';
import { addressOf, openFleet, type Fleet } from '../support/fleet.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse', 'a forest'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 40,
};

let fleet: Fleet | null = null;
afterAll(async () => {
  await fleet?.close();
  await cleanUp();
});

const FIVE_MINUTES = 300_000;

function shifted(ms: number): Record<string, string> {
  const preload = pathToFileURL(repositoryPath('test/support/shifted-clock.mjs')).href;
  return { NODE_OPTIONS: `--import=${preload}`, SHIFTED_CLOCK_MS: String(ms) };
}

const server = await suitePostgres();
const onServer = server.available ? test : test.skip;
const title = server.available ? '' : ` (Postgres cannot run here: ${server.reason})`;

onServer(
  `workers whose clocks are five minutes off, either way, lose and fail nothing, and say so${title}`,
  async () => {
    if (!server.available) return;
    const url = server.urlOf(await createDatabase(server.urlOf));
    const gate = gateIn(sharedTemporaryFolder());
    const opened = (fleet = await openFleet(null, { PANIC_TDA_DATABASE: url, ...gate.env }));
    const { folder } = opened;
    const words = ['--listen', '0', '--concurrency', '2', '--identity'];
    const ahead = await opened.worker([...words, 'ahead'], shifted(FIVE_MINUTES));
    const behind = await opened.worker([...words, 'behind'], shifted(-FIVE_MINUTES));
    for (const [one, told] of [
      [ahead, /the clock of this machine is [23]\d\d s ahead of that of the database/],
      [behind, /the clock of this machine is [23]\d\d s behind that of the database/],
    ] as const) {
      const ready: unknown = await (await fetch(`${addressOf(one)}/ready`)).json();
      expect(ready).toMatchObject({
        problems: [],
        remarks: expect.arrayContaining([expect.stringMatching(told)]) as unknown,
      });
    }
    const file = join(folder, 'experiment.json');
    writeFileSync(file, JSON.stringify(EXPERIMENT));
    const running = opened.command(['run', file]);
    await until(
      () => /invocations [1-9]/.test(running.stderr()),
      () => running.stderr(),
    );
    const [, id = ''] = /^Experiment (\w+)/m.exec(running.stderr()) ?? [];
    for (const words of [
      ['status', id],
      ['pause', id],
      ['resume', id],
    ]) {
      expect(await opened.command(words).ended).toMatchObject({ code: 0 });
    }
    gate.open();
    expect(await running.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/: completed\n/) });
    const there = await opened.command(['doctor']).ended;
    expect([there.code, there.stdout]).toEqual([0, expect.not.stringMatching(/the clock of this machine/)]);
    const off = await opened.command(['doctor'], shifted(FIVE_MINUTES)).ended;
    expect([off.code, off.stdout]).toEqual([0, expect.stringMatching(/warn {2}the clock of this machine/)]);
    expect(await opened.command(['delete', id, '--yes'], shifted(-FIVE_MINUTES)).ended).toMatchObject({
      code: 0,
    });
  },
);
