import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { compareOutputs, provenanceDifferences } from '../../cli/verify/compare.js';
import { drawSample, sampleSize } from '../../cli/verify/sample.js';
import type { Artifact, TextArtifact } from '../../experiment/artifact.js';
import { experimentId } from '../../experiment/ids.js';
import { describeDummy, paintDummy } from '../../models/dummy.js';
import { picture } from '../support/small-experiment.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { dummyConfig, storeOutputs } from '../support/stored-run.js';

afterAll(cleanUp);

describe('verify of an experiment', () => {
  const folder = folderWith();
  const config = { ...dummyConfig, max_length: 4 };
  const id = experimentId(config);

  // Steps 0 and 1 are the models' own outputs. In step 2 one pixel is off by a level. Step 3 has another
  // caption.
  beforeAll(async () => {
    const fingerprint = {
      runtime: 'typescript',
      runtimeVersion: 'v1',
      device: 'cpu',
      dtype: 'float64',
      files: {},
    };
    const prompt: TextArtifact = { modality: 'text', text: 'a red fox' };
    const first = paintDummy(prompt, 3);
    const caption = describeDummy(first, 3);
    const second = paintDummy(caption, 3);
    const off = new Uint8Array(second.pixels);
    off[5] = off[5]! ^ 1;
    const outputs: Artifact[] = [
      first,
      caption,
      { ...second, pixels: off },
      { modality: 'text', text: 'no such thing' },
    ];
    const store = await storeOutputs(join(folder, 'panic-tda-data'), config, fingerprint, outputs);
    await store.close();
  });

  test('tells equal, close and different outputs apart, and names what computed them', async () => {
    const { code, stdout } = await runCommand(folder, ['verify', id.slice(0, 6), '--sample', '100%']);
    expect(stdout).toMatch(/4 invocations of 4 made again/);
    expect(stdout).toMatch(/equal bytes +2\n/);
    expect(stdout).toMatch(/equal pixels within 2 levels +1\n/);
    expect(stdout).toMatch(/different +1\n/);
    expect(stdout).toMatch(/0 +2 +DummyT2I +close \(by up to 1 level\)/);
    expect(stdout).toMatch(/0 +3 +DummyI2T +different$/m);
    expect(stdout).toContain(`4 x  runtimeVersion: "v1" then, "${process.version}" now`);
    expect(code).toBe(1);
  });

  test('takes another tolerance, and prints everything as a document', async () => {
    const document = await runJson(folder, ['verify', id, '--sample', '4', '--tolerance', '0']);
    expect(document).toMatchObject({
      computedInvocations: 4,
      sampled: 4,
      equal: 2,
      close: 0,
      different: 2,
      failed: 0,
    });
  });

  test('refuses an invalid sample', async () => {
    for (const sample of ['0', '0%', '101%', '1.5', 'some']) {
      const { code, stderr } = await runCommand(folder, ['verify', id, '--sample', sample]);
      expect(stderr).toMatch(/--sample is ".*"; it can be a share/);
      expect(code).toBe(2);
    }
  });
});

async function drawn(values: readonly number[], size: number, seed: number): Promise<number[]> {
  const sample: number[] = [];
  for await (const value of drawSample(values, { total: values.length, size, seed })) sample.push(value);
  return sample;
}

describe('a sample', () => {
  test('of a share is rounded up, and of a number is at most everything', () => {
    expect([
      sampleSize('1%', 101),
      sampleSize('0.5%', 3),
      sampleSize('100%', 7),
      sampleSize('20', 7),
    ]).toEqual([2, 1, 7, 7]);
    expect(sampleSize('1%', 0)).toBe(0);
    expect(() => sampleSize('-1', 5)).toThrow(expect.objectContaining({ kind: 'InvalidInput' }));
  });

  test('has each value at most once, in order, and depends on its seed', async () => {
    const values = Array.from({ length: 1000 }, (_, k) => 3 * k);
    const sample = await drawn(values, 100, 1);
    expect(new Set(sample).size).toBe(100);
    expect(sample).toEqual(sample.toSorted((a, b) => a - b));
    expect(values).toEqual(expect.arrayContaining(sample));
    expect(await drawn(values, 100, 1)).toEqual(sample);
    expect(await drawn(values, 100, 2)).not.toEqual(sample);
    expect(await drawn(values, 1000, 5)).toEqual(values);
    expect(await drawn(values, 0, 5)).toEqual([]);
  });

  test('has each value as often as any other', async () => {
    const values = [0, 1, 2, 3, 4];
    const times = [0, 0, 0, 0, 0];
    for (let seed = 0; seed < 5000; seed++) for (const value of await drawn(values, 2, seed)) times[value]!++;
    // The expectation is 2,000 each, with a standard deviation of 35.
    for (const often of times) expect(Math.abs(often - 2000)).toBeLessThan(175);
  });

  test('stops reading the stream after its last value', async () => {
    let read = 0;
    function* values() {
      for (; read < 1000; read++) yield read;
    }
    for await (const value of drawSample(values(), { total: 1000, size: 1, seed: 3 }))
      expect(value).toBe(read);
    expect(read).toBeLessThan(1000);
  });
});

test('pictures of other sizes and other texts are different at any tolerance', () => {
  const small = picture(2, 1, Uint8Array.of(1, 2, 3));
  const tall = picture(1, 2, Uint8Array.of(1, 2, 3));
  expect(compareOutputs(small, tall, 255)).toEqual({ result: 'different', largestDifference: null });
  expect(compareOutputs(small, { modality: 'text', text: 'a' }, 255).result).toBe('different');
});

test('differences of provenance are named down to the files of a fingerprint', () => {
  const then = { device: 'cpu', files: { 'a.onnx': '1', 'b.onnx': '2' } };
  const now = { device: 'cpu', files: { 'a.onnx': '3' }, served: 'x' };
  expect(provenanceDifferences(then, now)).toEqual([
    'files.a.onnx: "1" then, "3" now',
    'files.b.onnx: "2" then, nothing now',
    'served: nothing then, "x" now',
  ]);
  expect(provenanceDifferences(then, then)).toEqual([]);
});
