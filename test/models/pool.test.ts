import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { isPanicError } from '../../common/errors.js';
import { createModelPool, type ModelPool } from '../../models/index.js';
import { until } from '../support/child-processes.js';
import { type Gate, gateIn } from '../support/gate.js';

const THREADS = 2;
const text = (value: string): Artifact => ({ modality: 'text', text: value });
const picture = (shade: number): ImageArtifact => ({
  modality: 'image',
  width: 4,
  height: 4,
  pixels: new Uint8Array(48).fill(shade),
});

describe('the model pool', () => {
  let pool: ModelPool;
  let folder: string;
  let gate: Gate;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'panic-tda-models-'));
    process.env['CRASHING_I2T_MARKER'] = join(folder, 'crashed');
    gate = gateIn(folder);
    Object.assign(process.env, gate.env);
    pool = await createModelPool({ modelsFolder: folder, threads: THREADS, testModels: true });
  });
  afterAll(async () => {
    await pool.close();
    await rm(folder, { recursive: true });
  });

  test('paints a prompt, and its fingerprint says what computed the picture', async () => {
    const painted = await pool.generate('DummyT2I', text('a red fox'), 1);
    expect(painted.output).toMatchObject({ modality: 'image', width: 256, height: 256 });
    expect(painted.batchSize).toBe(1);
    expect(painted.fingerprint).toEqual({
      runtime: 'typescript',
      runtimeVersion: process.version,
      device: 'cpu',
      dtype: 'float64',
      files: {},
    });
    expect(painted.computeMs).toBeGreaterThan(0);
  });

  test("leaves the caller's pixels with the caller", async () => {
    const given = picture(7);
    const first = await pool.generate('DummyI2T', given, 1);
    expect(given.pixels).toEqual(new Uint8Array(48).fill(7));
    expect((await pool.generate('DummyI2T', given, 1)).output).toEqual(first.output);
  });

  test('gives one vector per input, in order', async () => {
    const both = await pool.embed('Dummy', [text('one'), text('two')]);
    const [second] = (await pool.embed('Dummy', [text('two')])).vectors;
    expect(both.vectors).toHaveLength(2);
    expect(both.vectors[1]).toEqual(second);
    expect((await pool.embed('Dummy', [])).vectors).toEqual([]);
  });

  test('runs calls on as many threads as it has at once, off the event loop', async () => {
    gate.close();
    const calls = [0, 1, 2].map((shade) => pool.generate('GatedI2T', picture(shade), 0));
    await until('both threads are at work', () => gate.waiting() === THREADS);
    gate.open();
    expect(await Promise.all(calls)).toHaveLength(3);
  });

  test('refuses requests that no model can answer', async () => {
    const refused = { kind: 'InvalidInput' };
    await expect(pool.generate('Unknown', text('a'), 0)).rejects.toMatchObject(refused);
    await expect(pool.generate('constructor', text('a'), 0)).rejects.toMatchObject(refused);
    await expect(pool.generate('Dummy', text('a'), 0)).rejects.toMatchObject(refused);
    await expect(pool.embed('DummyT2I', [text('a')])).rejects.toMatchObject(refused);
    await expect(pool.generate('DummyI2T', text('a'), 0)).rejects.toMatchObject(refused);
    await expect(pool.generate('DummyT2I', text('a'), -1)).rejects.toMatchObject(refused);
    await expect(pool.generate('DummyT2I', text('a'), 2 ** 53)).rejects.toMatchObject(refused);
    const short = { ...picture(1), width: 5 };
    await expect(pool.generate('DummyI2T', short, 0)).rejects.toMatchObject(refused);
    const endless = text('a'.repeat(100_001));
    await expect(pool.embed('Dummy', [endless])).rejects.toThrow(
      'a text of 100001 characters; at most 100000',
    );
    const vast = { ...picture(1), width: 8193, height: 8192 };
    await expect(pool.generate('DummyI2T', vast, 0)).rejects.toThrow('8193 x 8192 pixels; at most 67108864');
  });

  test('reports a blank caption as a failure of that invocation', async () => {
    const blank = await pool.generate('EmptyCaptionI2T', picture(3), 13).catch((error: unknown) => error);
    expect(isPanicError(blank, 'ModelOutputInvalid')).toBe(true);
    expect(String(blank)).toContain('EmptyCaptionI2T answered with a blank caption');
    expect((await pool.generate('EmptyCaptionI2T', picture(3), 14)).output.modality).toBe('text');
  });

  test('rejects the call of a thread that died, and replaces the thread', async () => {
    const crash = await pool.generate('CrashingI2T', picture(3), 0).catch((error: unknown) => error);
    expect(isPanicError(crash, 'DeviceError')).toBe(true);
    expect(String(crash)).toContain('exited with code 1');
    expect((await pool.generate('CrashingI2T', picture(3), 0)).output).toEqual(
      (await pool.generate('DummyI2T', picture(3), 0)).output,
    );
  });

  test('an abort rejects with its reason: before the call, while it waits and while it runs', async () => {
    const reason = new Error('enough');
    await expect(pool.generate('DummyT2I', text('a'), 0, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    gate.close();
    const calls = [0, 1, 2, 3].map((shade) =>
      pool.generate('GatedI2T', picture(shade), 0, controller.signal),
    );
    await until('both threads are at work', () => gate.waiting() === THREADS);
    controller.abort(reason);
    const outcomes = await Promise.allSettled(calls);
    for (const outcome of outcomes) expect(outcome).toEqual({ status: 'rejected', reason });
    // The threads are still at work on calls that no caller waits for.
    gate.open();
    expect((await pool.generate('DummyT2I', text('a'), 0)).output.modality).toBe('image');
  });

  test('knows the test models only where the caller asks for them', async () => {
    const plain = await createModelPool({ modelsFolder: folder });
    await expect(plain.generate('SlowI2T', picture(1), 0)).rejects.toMatchObject({ kind: 'InvalidInput' });
    await plain.close();
  });

  test('closing rejects the calls in flight, and later ones', async () => {
    gate.close();
    const short = await createModelPool({ modelsFolder: folder, testModels: true });
    const running = short.generate('GatedI2T', picture(1), 0);
    const closed = short.close();
    await expect(running).rejects.toMatchObject({ kind: 'DeviceError' });
    await closed;
    await expect(short.generate('DummyT2I', text('a'), 0)).rejects.toMatchObject({ kind: 'DeviceError' });
  });
});
