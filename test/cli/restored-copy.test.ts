import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { config, configWithSurrogates, finishExperiment } from '../support/small-experiment.js';
import { makeBucket, s3Program, startS3Server, toldSkipped } from '../support/s3-server.js';
import type { S3Server } from '../support/s3-server.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { ListDocument } from '../support/documents.js';

afterAll(cleanUp);

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a hare'],
  seeds: [1],
  embedding_models: [],
  max_length: 2,
};

const program = await s3Program();
const postgres = await suitePostgres();

(postgres.available && 'path' in program ? describe : describe.skip)(
  toldSkipped('a restored copy of a Postgres database', program),
  () => {
    let s3: S3Server;
    let folder: string;
    const namespace = takeNamespace();
    let production: Record<string, string>;
    let restored: Record<string, string>;

    beforeAll(async () => {
      if (!postgres.available || !('path' in program)) return;
      s3 = await startS3Server(program.path);
      await makeBucket(s3, 'pictures');
      folder = folderWith({ 'experiment.json': EXPERIMENT });
      const database = await createDatabase(postgres.urlOf);
      production = {
        ...s3.environment,
        PANIC_TDA_OBJECTS: 's3://pictures/lab',
        PANIC_TDA_DATABASE: postgres.urlOf(database),
      };
      await merged('first', config);
      restored = {
        ...production,
        PANIC_TDA_DATABASE: postgres.urlOf(await createDatabase(postgres.urlOf, database)),
      };
      await merged('second', { ...configWithSurrogates, prompts: ['a lighthouse in fog'], seeds: [11] });
      // Doctor skips objects that were made within the last hour.
      for (const key of keys()) utimesSync(s3.file('pictures', key), 0, 0);
    });
    afterAll(() => s3.remove());

    /** Adds an experiment to production, with its pictures. */
    async function merged(name: string, of: typeof config): Promise<void> {
      const store = openStore(join(folder, name));
      await finishExperiment(store, of);
      await store.close();
      expect(await runCommand(folder, ['merge', join(folder, name)], production)).toMatchObject({ code: 0 });
    }

    function keys(): string[] {
      const root = s3.file('pictures', '');
      const names = existsSync(root) ? readdirSync(root, { recursive: true, encoding: 'utf8' }) : [];
      return names.filter((name) => /\/[0-9a-f]{64}$/.test(name)).sort();
    }

    const OTHER =
      /the objects in s3:\/\/pictures\/lab at .* belong to another database, .*objects use --take-over/;

    test('is refused at the pictures of its original: nothing is deleted, and nothing is written', async () => {
      const before = keys();
      const experiments = ListDocument.parse(await runJson(folder, ['list'], restored)).map(({ id }) => id);
      expect(experiments).toHaveLength(1);
      for (const words of [
        ['doctor', '--fix', '--yes', '--delete-objects', '2'],
        ['delete', experiments[0]!, '--yes'],
        ['merge', join(folder, 'second')],
        ['run', 'experiment.json'],
        ['worker'],
        ['objects', 'use'],
      ]) {
        const { code, stderr } =
          words[0] === 'worker'
            ? await panicTda(folder, words, {
                ...restored,
                TEMPORAL_ADDRESS: suiteAddress(),
                TEMPORAL_NAMESPACE: namespace,
              })
            : await runCommand(folder, words, restored);
        expect([words, code, stderr]).toEqual([words, 2, expect.stringMatching(OTHER)]);
      }
      expect(keys()).toEqual(before);
    });

    test('can be looked at, with a warning', async () => {
      const { code, stdout } = await runCommand(folder, ['doctor', '--deep'], restored);
      expect(stdout).toMatch(/every invariant holds/);
      expect(stdout).toMatch(new RegExp(`warn  ${OTHER.source}`));
      expect(code).toBe(0);
    });

    test('has its own pictures once a user copies them, and the original continues', async () => {
      const own = { ...restored, PANIC_TDA_OBJECTS: 's3://pictures/restored' };
      const between = join(folder, 'pictures');
      for (const places of [
        ['--from', 's3://pictures/lab', '--to', between],
        ['--from', between, '--to', 's3://pictures/restored'],
      ]) {
        expect(await runCommand(folder, ['objects', 'copy', ...places], own)).toMatchObject({ code: 0 });
      }
      expect(await runCommand(folder, ['objects', 'use'], own)).toMatchObject({ code: 0 });
      expect(await runCommand(folder, ['doctor', '--fix', '--yes'], own)).toMatchObject({ code: 0 });
      expect(await runCommand(folder, ['doctor', '--fix', '--yes'], production)).toMatchObject({ code: 0 });
    });

    test('takes the place over with --take-over, and then the place refuses its original', async () => {
      const before = keys();
      expect(await runCommand(folder, ['objects', 'use', '--take-over'], restored)).toMatchObject({
        code: 0,
      });
      const { code, stderr } = await runCommand(folder, ['doctor', '--fix', '--yes'], production);
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(OTHER) });
      expect(keys()).toEqual(before);
      // It may now delete these pictures: the two that were made after the copy.
      const fixed = await runCommand(folder, ['doctor', '--fix', '--yes'], restored);
      expect(fixed).toMatchObject({ code: 0, stdout: expect.stringContaining('delete 2 objects') });
    });
  },
);
