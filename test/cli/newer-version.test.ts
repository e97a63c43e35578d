import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { accessTo, connectStore, openStore, type StorePlace } from '../../db/index.js';
import type { BuiltVersion } from '../support/built-version.js';
import { laterVersion, nextVersion } from '../support/next-version.js';
import { releasedVersion, releases, whyNotStarted } from '../support/released-version.js';
import { openFleet } from '../support/fleet.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { cleanUp, folderWith, panicTda, type Ended } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { experimentIn } from '../support/json.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 6,
};
const REMARK =
  /^Remark: .* is of a newer panic-tda \(version 0\.3\.0, \d+ migrations, this one knows \d+\)\./gm;

const server = await suitePostgres();
const KINDS = server.available ? (['SQLite', 'Postgres'] as const) : (['SQLite'] as const);

let next: BuiltVersion;
let closed: BuiltVersion;
let folder: string;
beforeAll(() => {
  next = nextVersion();
  closed = laterVersion('readers');
  folder = folderWith({ 'experiment.json': EXPERIMENT });
});
afterAll(async () => {
  next.remove();
  closed.remove();
  await cleanUp();
});

describe.each(KINDS)('tables in %s that a next version made and wrote', (kind) => {
  let data: string;
  let env: Readonly<Record<string, string>> = {};
  let place: StorePlace;
  let id: string;
  const present = (...words: string[]): Promise<Ended> => runCommand(folder, [...words, '--data', data], env);
  const newer = (...words: string[]): Promise<Ended> =>
    panicTda(folder, [...words, '--data', data], env, next.main);
  const checkWords = kind === 'SQLite' ? ['upgrade', '--check'] : ['setup', 'database', '--check'];

  beforeAll(async () => {
    const url =
      server.available && kind === 'Postgres' ? server.urlOf(await createDatabase(server.urlOf)) : null;
    if (url !== null) env = { PANIC_TDA_DATABASE: url };
    const fleet = await openFleet(null, env);
    ({ data } = fleet);
    place = { folder: data, database: url === null ? null : { url, poolSize: 2 } };
    await fleet.worker([], {}, next.main);
    const file = join(folder, 'experiment.json');
    const made = await fleet.command(['run', file, '--json'], {}, next.main).ended;
    await fleet.close();
    expect([made.code, made.stderr]).toEqual([0, expect.any(String)]);
    id = experimentIn(made.stdout);
  });

  test('are read by this version, which says once that they are newer', async () => {
    const looks =
      kind === 'SQLite'
        ? [
            ['list'],
            ['status'],
            ['show', id, '--experiment-file'],
            ['plan', 'experiment.json'],
            ['verify', id],
          ]
        : [['list'], ['status']];
    for (const words of [...looks, ['show', id, '0', '--json']]) {
      const { code, stderr } = await present(...words);
      expect([words, code, stderr.match(REMARK)?.length]).toEqual([words, 0, 1]);
    }
    const [one, other] = await Promise.all([present, newer].map((look) => look('show', id, '0', '--json')));
    expect(one!.stdout).toBe(other!.stdout);
    expect(other!.stderr).not.toMatch(REMARK);
  });

  test('are checked by doctor as far as it knows them, and not repaired', async () => {
    const looked = await present('doctor');
    expect(looked.stdout).toMatch(/of a newer version \(\d+ migrations\)/);
    expect(looked.stdout).toMatch(/This version passes over what it does not know of it/);
    expect(looked.stdout).not.toMatch(/FAIL/);
    expect(looked.code).toBe(0);
    expect(await present('doctor', '--fix', '--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/Only a version that knows all of it mends it: update/) as unknown,
    });
  });

  test('are described by the check of either version', async () => {
    const [one, other] = await Promise.all([present(...checkWords), newer(...checkWords)]);
    expect([one.code, other.code]).toEqual([0, 0]);
    expect(one.stdout).toMatch(
      /is of a newer version \(version 0\.3\.0, \d+ migrations, this one knows \d+\)\.\n/,
    );
    expect(other.stdout).toMatch(/is of this version \(version 0\.3\.0, \d+ migrations\)\.\n/);
    for (const { stdout } of [one, other]) {
      expect(stdout).toMatch(/version 0\.1\.0 \(\d+ migrations\) can do nothing with them\n/);
      expect(stdout).toMatch(/version 0\.2\.0 \(\d+ migrations\) reads and writes them\n/);
      expect(stdout).toMatch(/version 0\.3\.0 \(\d+ migrations\) reads and writes them\n/);
    }
  });

  test('are written by this version, and the next one finds them whole', async () => {
    const store = await connectStore(place);
    const other = await finishExperiment(store, { ...config, seeds: [8] });
    await store.close();
    const looked = await newer('doctor', '--experiment', other);
    expect(looked.stdout).toMatch(/every invariant/);
    expect(looked.stdout).not.toMatch(/FAIL/);
  });

  test('are refused with a reason if its changes do not let this version read', async () => {
    const url =
      server.available && kind === 'Postgres' ? server.urlOf(await createDatabase(server.urlOf)) : null;
    const other = url === null ? {} : { PANIC_TDA_DATABASE: url };
    const fresh = ['--data', `${kind}-closed`];
    if (url === null) {
      await openStore(join(folder, `${kind}-closed`)).close();
      expect(await panicTda(folder, ['upgrade', ...fresh], {}, closed.main)).toMatchObject({ code: 0 });
    } else {
      expect(await panicTda(folder, ['setup', 'database'], other, closed.main)).toMatchObject({ code: 0 });
    }
    for (const words of [['list'], ['run', 'experiment.json'], ['doctor', '--fix']]) {
      expect(await runCommand(folder, [...words, ...fresh], other)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          /newer panic-tda \(version 0\.4\.0, .*this version cannot read its tables; update panic-tda/,
        ) as unknown,
      });
    }
    const doctor = await runCommand(folder, ['doctor', ...fresh], other);
    expect(doctor.stdout).toMatch(/FAIL .*cannot read its tables; update panic-tda/);
  });
});

describe.each(releases.map((release) => [release.version, release] as const))('release %s', (_, release) => {
  const reason = whyNotStarted(release);
  const title = 'meets the tables of this version as they say that it may';
  (reason === null ? test : test.skip)(reason === null ? title : `${title} (${reason})`, async () => {
    const data = join(folder, `for-${release.version}`);
    const store = openStore(data);
    const id = await finishExperiment(store);
    const { tables } = store.db;
    await store.close();
    const released = releasedVersion(release.version);
    try {
      const words = ['show', id, '0', '--json', '--data', data];
      const [old, present] = await Promise.all([
        panicTda(folder, words, {}, released.main),
        runCommand(folder, words),
      ]);
      const access = accessTo({ ...tables, known: Object.keys(release.migrations.sqlite).length });
      if (access === 'none') {
        expect(old).toMatchObject({ code: 2, stderr: expect.stringMatching(/newer panic-tda/) as unknown });
        return;
      }
      expect([old.code, present.code]).toEqual([0, 0]);
      expect(JSON.parse(old.stdout)).toEqual(expect.objectContaining({ id: expect.anything() as unknown }));
    } finally {
      released.remove();
    }
  });
});
