import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { bundleSha256 } from '../workers/workflow-bundle.js';
import { cleanUp, panicTda } from './support/cli-process.js';
import { openFleet, type Fleet } from './support/fleet.js';
import { builtVersion, type BuiltVersion } from './support/built-version.js';
import {
  isCompatible,
  releasedVersion,
  releasedWorkflows,
  releases,
  whyNotStarted,
  type ReleasedVersion,
} from './support/released-version.js';
import { temporaryFolder } from './support/temporary-folder.js';
import { repositoryPath } from './support/child-processes.js';
import { PRESENT, recordedVersions } from './support/replaying.js';

const made: (BuiltVersion | ReleasedVersion)[] = [];
function keep<T extends BuiltVersion | ReleasedVersion>(version: T): T {
  made.push(version);
  return version;
}
let fleet: Fleet | null = null;
afterEach(async () => {
  await fleet?.close();
  fleet = null;
  for (const version of made.splice(0)) version.remove();
});
afterAll(cleanUp);

/** The migrations with the digests of their SQL, in their order. */
function migrations(folder: string): string[] {
  return readMigrationFiles({ migrationsFolder: repositoryPath(folder) }).map(({ hash }) => hash);
}

describe.each(releases)('release $version', (release) => {
  test('has the workflow code of its digest', () => {
    const digest = createHash('sha256').update(releasedWorkflows(release.version)).digest('hex');
    expect(digest).toBe(release.workflows);
  });

  test.each([
    ['sqlite', 'dist/db/migrations'],
    ['postgres', 'dist/db/postgres/migrations'],
  ] as const)('has the first migrations of %s, and none of them was changed since', (database, folder) => {
    const released = Object.values(release.migrations[database]);
    expect(migrations(folder).slice(0, released.length)).toEqual(released);
  });

  const reason = whyNotStarted(release);
  (reason === null ? test : test.skip)(`starts${reason === null ? '' : `: skipped, ${reason}`}`, async () => {
    const { folder, main } = keep(releasedVersion(release.version));
    expect(await panicTda(folder, ['--version'], {}, main)).toMatchObject({
      code: 0,
      stdout: `${release.version}\n`,
    });
  });
});

test('the version in package.json is not released yet, or is this code', () => {
  const released = releases.find(({ version }) => version === PRESENT);
  const here = {
    workflows: bundleSha256(),
    sqlite: migrations('dist/db/migrations'),
    postgres: migrations('dist/db/postgres/migrations'),
  };
  if (released === undefined) return;
  const { sqlite, postgres } = released.migrations;
  const there = {
    workflows: released.workflows,
    sqlite: Object.values(sqlite),
    postgres: Object.values(postgres),
  };
  if (JSON.stringify(here) !== JSON.stringify(there)) {
    throw new Error(
      `${PRESENT} was released with other workflow code or migrations: raise the version in package.json`,
    );
  }
});

test('every release and the present version have histories', () => {
  const versions = [...releases.map(({ version }) => version), PRESENT];
  expect(recordedVersions).toEqual([...new Set(versions)]);
});

const last = releases.at(-1)!;
const whyNot = whyNotStarted(last);
(whyNot === null ? test : test.skip)(
  `a worker of the last release does an experiment${whyNot === null ? '' : `: skipped, ${whyNot}`}`,
  async () => {
    const { main } = keep(releasedVersion(last.version));
    fleet = await openFleet();
    await fleet.worker([], {}, main);
    const experiment = {
      networks: [['DummyT2I', 'DummyI2T']],
      prompts: ['a lighthouse in fog'],
      seeds: [3],
      embedding_models: ['Dummy'],
      max_length: 80,
      on_cycle: 'continue',
    };
    const handle = await fleet.start(experiment, 'of-the-last-release');
    expect(await handle.result()).toMatchObject({ status: 'completed', finished: 1 });
  },
);

function record(from: BuiltVersion, to: string) {
  const script = repositoryPath('scripts/record-release.mjs');
  const options = { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } } as const;
  return spawnSync(process.execPath, [script, '--from', from.folder, '--to', to], options);
}

describe('npm run record-release', () => {
  test('records a version once: the same code again changes nothing, and other code is refused', async () => {
    const to = temporaryFolder();
    const version = '9.8.7';
    const built = keep(builtVersion({ version, workflows: (code) => `${code}// one\n` }));
    expect(record(built, to)).toMatchObject({ status: 0, stderr: '' });
    expect(record(built, to)).toMatchObject({
      status: 0,
      stdout: '9.8.7 is recorded, and this is its code.\n',
    });
    expect(releasedWorkflows(version, to)).toMatch(/\/\/ one\n$/);
    const { folder, main } = keep(releasedVersion(version, to));
    expect(await panicTda(folder, ['--version'], {}, main)).toMatchObject({ code: 0, stdout: '9.8.7\n' });

    const sql = 'CREATE TABLE `telescopes` (`id` integer PRIMARY KEY NOT NULL) STRICT;';
    const other = builtVersion({
      version,
      workflows: (code) => `${code}// two\n`,
      migrations: { sqlite: [{ tag: 'telescopes', sql }] },
    });
    const refused = record(keep(other), to);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(
      /^9\.8\.7 was released with other code: workflow code [0-9a-f]{12}, and [0-9a-f]{12} here, other migrations, another program\. .*raise the version in package\.json/,
    );
    expect(releasedWorkflows(version, to)).toMatch(/\/\/ one\n$/);
  });
});

test('packages are near enough by the rule of semantic versions', () => {
  expect(isCompatible('4.3.1', '4.9.0')).toBe(true);
  expect(isCompatible('4.3.1', '5.0.0')).toBe(false);
  expect(isCompatible('0.45.4', '0.45.9')).toBe(true);
  expect(isCompatible('0.45.4', '0.46.0')).toBe(false);
  expect(whyNotStarted({ ...last, packages: { zod: '3.0.0' } })).toMatch(
    new RegExp(
      `^panic-tda ${last.version} cannot be started here: it needs zod 3\\.0\\.0 \\(\\d\\S+ is installed\\)$`,
    ),
  );
});
