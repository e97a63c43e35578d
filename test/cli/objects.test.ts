import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeBucket, s3Program, SECRET_KEY, startS3Server, toldSkipped } from '../support/s3-server.js';
import { isFullRange } from '../support/range.js';
import type { S3Server } from '../support/s3-server.js';
import { finishedIn } from '../support/built-in-experiment.js';
import { type Fleet, openFleet } from '../support/fleet.js';
import { experimentFile } from '../support/laboratory.js';
import { digestOf, invocationCount } from '../support/store-checks.js';
import { repositoryPath } from '../support/child-processes.js';
import { cleanUp, type Ended, folderWith, panicTda, startPanicTda, until } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

const program = await s3Program();
const BUCKET = 'pictures';
const PLACE = `s3://${BUCKET}/lab`;

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 12,
};

afterAll(cleanUp);

/** The paths of the objects below a folder, in order. */
function namesBelow(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\/[0-9a-f]{64}$/.test(name)).sort();
}

/** Runs the experiment on a worker that dies at this fault, and then on one that goes on. */
async function runWithDeathAt(point: string, fleet: Fleet): Promise<Ended> {
  const marker = join(fleet.folder, 'died');
  const dying = await fleet.worker([], { PANIC_TDA_FAULT: `${point}@3@${marker}` });
  const running = fleet.shortCommand(['run', 'experiment.json']);
  await dying.ended;
  expect(dying.process.signalCode).toBe('SIGKILL');
  expect(existsSync(marker)).toBe(true);
  await fleet.worker([]);
  return await running;
}

('path' in program ? describe : describe.skip)(
  toldSkipped('pictures in S3, by the command line', program),
  () => {
    let server: S3Server;
    let env: Record<string, string>;
    /** One worker with the bucket. */
    let fleet: Fleet;
    let folder: string;
    let data: string;
    let id: string;
    let digest: string;
    /** The names of the same pictures in a folder. */
    let names: readonly string[];
    beforeAll(async () => {
      if (!('path' in program)) return;
      server = await startS3Server(program.path);
      await makeBucket(server, BUCKET);
      env = { ...server.environment, PANIC_TDA_OBJECTS: PLACE };
      fleet = await openFleet(null, env);
      ({ folder, data } = fleet);
      experimentFile(folder, 'experiment', EXPERIMENT);
      // The same experiment without S3, to compare with.
      const plain = join(folderWith(), 'plain');
      id = await finishedIn(plain, EXPERIMENT);
      digest = await digestOf(plain, id);
      names = namesBelow(join(plain, 'objects'));
    });
    afterAll(async () => {
      await fleet.close();
      await server.remove();
    });

    /** Runs a command on the data folder, without the Temporal service. */
    function alone(words: readonly string[], variables = env): Promise<Ended> {
      return runCommand(folder, [...words, '--data', data], variables);
    }

    /** Keys of the objects below a prefix. */
    function keys(prefix = 'lab'): string[] {
      const root = server.file(BUCKET, prefix);
      return existsSync(root) ? namesBelow(root) : [];
    }

    test('an experiment whose worker dies after the write of a picture puts its pictures there and ends as with a folder', async () => {
      const { code, stdout, stderr } = await runWithDeathAt('object:after-write', fleet);
      expect([code, stdout, stderr]).toEqual([
        0,
        expect.stringContaining(PLACE),
        expect.stringContaining(`Experiment ${id}`),
      ]);
      expect(await digestOf(data, id)).toBe(digest);
      expect(keys().length).toBeGreaterThan(0);
      expect(keys()).toEqual(names);
      expect(readdirSync(join(data, 'objects'))).toEqual([]);
      const { stdout: shown } = await alone(['show', id, '0', '--json']);
      const { trajectory } = readJson(
        shown,
        z.object({ trajectory: z.array(z.object({ object: z.string().optional() })) }),
      );
      const pictures = trajectory.flatMap(({ object }) => object ?? []);
      expect(pictures.length).toBeGreaterThan(0);
      for (const object of pictures) expect(keys()).toContain(object.replace(`${PLACE}/`, ''));
    });

    test('doctor finds the bucket sound, and names an object that changed', async () => {
      const sound = await alone(['doctor', '--deep']);
      expect({ code: sound.code, stdout: sound.stdout }).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('every invariant holds'),
      });
      const file = server.file(BUCKET, `lab/${keys()[0]!}`);
      const bytes = readFileSync(file);
      writeFileSync(file, Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)]));
      const { code, stdout } = await alone(['doctor']);
      expect({ code, stdout }).toMatchObject({
        code: 1,
        stdout: expect.stringContaining(`object ${PLACE}/${keys()[0]!} is damaged`),
      });
      writeFileSync(file, bytes);
    });

    test('backup copies the pictures out of the bucket, and its copy is whole without a bucket', async () => {
      const copy = join(folder, 'copy');
      const made = await alone(['backup', copy, '--json']);
      expect(made).toMatchObject({ code: 0 });
      expect(JSON.parse(made.stdout)).toMatchObject({ copied: keys().length, missing: 0 });
      const doctor = await runCommand(folder, ['doctor', '--data', copy]);
      expect(doctor).toMatchObject({ code: 0, stdout: expect.stringContaining('every invariant holds') });
      expect(doctor.stdout).not.toContain(PLACE);
      expect(await digestOf(copy, id)).toBe(digest);
    });

    // By day, a worker dies in the first test.
    if (isFullRange()) {
      test('a worker that dies before the write of a picture loses and doubles nothing', async () => {
        const other = await openFleet(null, { ...env, PANIC_TDA_OBJECTS: `s3://${BUCKET}/before-write` });
        try {
          experimentFile(other.folder, 'experiment', EXPERIMENT);
          expect(await runWithDeathAt('object:before-write', other)).toMatchObject({ code: 0 });
          expect(await digestOf(other.data, id)).toBe(digest);
          expect(keys('before-write')).toEqual(keys());
        } finally {
          await other.close();
        }
      });
    }

    // By day, test/cli/outages.test.ts has an S3 service that crashes.
    if (isFullRange()) {
      test('an experiment continues by itself after the service was away for a while', async () => {
        const long = { ...EXPERIMENT, networks: [['DummyT2I', 'SlowI2T']], seeds: [-1], max_length: 60 };
        const place = folderWith({ 'experiment.json': long });
        const running = startPanicTda(place, ['run', 'experiment.json'], {
          ...env,
          PANIC_TDA_OBJECTS: `s3://${BUCKET}/outage`,
        });
        const stored = join(place, 'panic-tda-data');
        const told = () => running.stderr();
        await until(() => invocationCount(stored) >= 6, told);
        await server.kill();
        await until(async () => {
          const { stdout } = await panicTda(place, ['status'], { ...env, PANIC_TDA_OBJECTS: '' });
          return stdout.includes('StoreUnavailable');
        }, told);
        await server.start();
        const { code, stderr } = await running.ended;
        expect({ code, stderr }).toMatchObject({ code: 0 });
        expect(invocationCount(stored)).toBe(120);
        const { stdout } = await panicTda(place, ['doctor'], {
          ...env,
          PANIC_TDA_OBJECTS: `s3://${BUCKET}/outage`,
        });
        expect(stdout).toContain('every invariant holds');
      });
    }

    test('objects copy copies a data set to a bucket and back, and a second time copies nothing', async () => {
      const [there, back] = [`s3://${BUCKET}/moved`, join(folder, 'back')];
      const one = await alone(['objects', 'copy', '--from', PLACE, '--to', back]);
      expect(one).toMatchObject({ code: 0, stdout: expect.stringMatching(/\d+ copied, 0 there already/) });
      const two = await alone(['objects', 'copy', '--from', back, '--to', there, '--json']);
      expect(JSON.parse(two.stdout)).toMatchObject({
        from: back,
        to: there,
        copied: keys().length,
        damaged: 0,
      });
      const again = await alone(['objects', 'copy', '--from', back, '--to', there, '--json']);
      expect(JSON.parse(again.stdout)).toMatchObject({ copied: 0, present: keys().length });
      // For the database, the pictures stay where they were until a user runs `objects use`.
      const moved = { ...env, PANIC_TDA_OBJECTS: there };
      const elsewhere = await alone(['doctor'], moved);
      expect(elsewhere).toMatchObject({ code: 1, stdout: expect.stringContaining('every invariant holds') });
      expect(elsewhere.stdout).toContain(`kept in ${PLACE} at ${server.endpoint}, and this process`);
      expect(await alone(['objects', 'use'], moved)).toMatchObject({ code: 0 });
      const doctor = await alone(['doctor'], moved);
      expect(doctor).toMatchObject({ code: 0, stdout: expect.stringContaining('every invariant holds') });
      expect(await alone(['objects', 'use'], env)).toMatchObject({ code: 0 });
    });

    test('a run or worker without PANIC_TDA_OBJECTS is refused, and the message names both places and what to do', async () => {
      const longer = { ...EXPERIMENT, max_length: 14 };
      writeFileSync(join(folder, 'longer.json'), JSON.stringify(longer));
      const { code, stderr } = await alone(['run', 'longer.json'], {});
      expect(code).toBe(2);
      expect(stderr).toContain(`kept in ${PLACE} at ${server.endpoint}, and this process would keep them in`);
      expect(stderr).toMatch(
        /since PANIC_TDA_OBJECTS is not set; set PANIC_TDA_OBJECTS .*"panic-tda objects use"/,
      );
      const used = await alone(['objects', 'use'], {});
      expect(used).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/\d+ of \d+ pictures .* are not in/),
      });
      expect(readdirSync(join(data, 'objects'))).toEqual([]);
      expect((await fleet.shortCommand(['run', join(folder, 'longer.json')])).code).toBe(0);
    });

    test.each([
      ['a bucket that is not there', { PANIC_TDA_OBJECTS: 's3://missing' }, /no bucket "missing": create it/],
      ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, /credentials are not those of the service/],
      ['no place', { PANIC_TDA_OBJECTS: 's3://' }, /PANIC_TDA_OBJECTS: "s3:\/\/" is no place for objects/],
    ])('%s is reported before anything starts', async (_, variables, words) => {
      const place = folderWith({ 'experiment.json': EXPERIMENT });
      for (const command of [['run', 'experiment.json'], ['worker']]) {
        const { code, stderr, stdout } = await runCommand(place, command, { ...env, ...variables });
        expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(words) });
        expect(stderr + stdout).not.toContain(SECRET_KEY);
      }
      expect(readdirSync(place)).toEqual(['experiment.json']);
    });
  },
);

test('if the package for S3 is not installed, the message names the command that installs it', () => {
  // The installed program, without that package.
  const place = folderWith({ 'experiment.json': EXPERIMENT });
  cpSync(repositoryPath('dist'), join(place, 'dist'), { recursive: true });
  cpSync(repositoryPath('package.json'), join(place, 'package.json'));
  // An empty folder stops the search in parent folders.
  mkdirSync(join(place, 'node_modules', '@aws-sdk', 'client-s3'), { recursive: true });
  for (const name of readdirSync(repositoryPath('node_modules'))) {
    if (name === '@aws-sdk') continue;
    symlinkSync(join(repositoryPath('node_modules'), name), join(place, 'node_modules', name));
  }
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(place, 'dist', 'cli', 'main.js'), 'run', 'experiment.json'],
    {
      cwd: place,
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        PANIC_TDA_TEST_MODELS: '1',
        PANIC_TDA_OBJECTS: 's3://pictures',
      },
    },
  );
  expect({ status, stderr }).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(
      /s3:\/\/pictures need the package @aws-sdk\/client-s3.*"npm install --include=optional"/,
    ),
  });
});
