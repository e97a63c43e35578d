import { afterAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { cleanUp, folderWith, runInfo, startPanicTda } from '../support/cli-process.js';
import { gateIn } from '../support/gate.js';
import { suitePostgres } from '../support/suite-postgres.js';
import { EXPERIMENT, finishedRuns, idOf, ownPostgres, saysUntil } from './outage-steps.js';

afterAll(cleanUp);

const server = await suitePostgres();
const onServer = server.available ? test : test.skip;
const title = server.available ? '' : ` (Postgres cannot run here: ${server.reason})`;

onServer(
  `run outlasts a Postgres that restarts, one that crashes, and its own Temporal server killed, and says so${title}`,
  async () => {
    const postgres = await ownPostgres();
    const url = postgres.url('postgres');
    const folder = folderWith({ 'experiment.json': EXPERIMENT });
    const gate = gateIn(folder);
    const env = { ...gate.env, PANIC_TDA_DATABASE: url };
    const running = startPanicTda(folder, ['run', 'experiment.json'], env);
    await saysUntil(running, /invocations [1-9]/);
    await postgres.stop('fast');
    await saysUntil(running, /It cannot be watched meanwhile: the database .* cannot be reached now/);
    await saysUntil(running, /waiting: the database .* cannot be reached now.* \(for .*\), next try/);
    await postgres.start();
    await saysUntil(running, /It can be watched again, after /);
    await postgres.stop('kill');
    process.kill(runInfo(join(folder, 'panic-tda-data'))!.serverPid!, 'SIGKILL');
    await postgres.start();
    gate.open();
    const { code, stderr, stdout } = await running.ended;
    expect([code, stdout, stderr]).toEqual([
      0,
      expect.stringMatching(/: completed\n/),
      expect.stringMatching(/temporal server runs again/),
    ]);
    expect(await finishedRuns(folder, url, idOf(running))).toBe(2);
  },
);
