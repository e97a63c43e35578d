import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TextArtifact } from '../../experiment/artifact.js';
import { isPanicError } from '../../common/errors.js';
import {
  catalogue,
  createModelPool,
  missingModelFiles,
  type ModelPool,
  pinnedFolder,
  verifyModel,
} from '../../models/index.js';
import { RunnerEnded, startProcessRunner } from '../../models/runners/process-runner.js';
import { embeddingModel } from '../support/catalogue-models.js';

const MINILM = 'AllMiniLML6v2';
const weights = join(import.meta.dirname, '../../../shared/models/all-MiniLM-L6-v2');
const fixture = join(import.meta.dirname, '../../../shared/model-fixtures/minilm-expected/expected.json');
const present = existsSync(join(weights, 'onnx/model.onnx')) && existsSync(fixture);
const model = embeddingModel(MINILM);
const text = (value: string): TextArtifact => ({ modality: 'text', text: value });

describe('a neural model without its files', () => {
  const nowhere = join(tmpdir(), 'panic-tda-no-models-here');

  test('is found to lack them before anything starts', () => {
    const folder = join(nowhere, `sentence-transformers/all-MiniLM-L6-v2@${model.revision}`);
    expect(missingModelFiles(model, nowhere)).toEqual(
      ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'].map((file) =>
        join(folder, file),
      ),
    );
    expect(missingModelFiles(catalogue.get('HashedNgram')!, nowhere)).toEqual([]);
  });

  test('fails, and the message names each missing file', async () => {
    const pool = await createModelPool({ modelsFolder: nowhere, devices: { device: 'cpu' } });
    const failure = await pool.embed(MINILM, [text('a')]).catch((error: unknown) => error);
    await pool.close();
    expect(isPanicError(failure, 'ModelFilesMissing')).toBe(true);
    for (const path of missingModelFiles(model, nowhere)) expect(String(failure)).toContain(path);
  });
});

/** Processes of models that this process started. */
function embedders(): number[] {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return lines.split('\n').flatMap((line) => {
    const [pid, parent] = line.trim().split(/ +/).map(Number);
    return parent === process.pid && line.includes('process-main') ? [pid!] : [];
  });
}

interface Expected {
  readonly texts: readonly string[];
  readonly dim: number;
  readonly vectors_b64: string;
}

function readExpected(): { texts: readonly string[]; vectors: Float32Array[] } {
  const { texts, dim, vectors_b64 }: Expected = JSON.parse(readFileSync(fixture, 'utf8'));
  const values = new Float32Array(new Uint8Array(Buffer.from(vectors_b64, 'base64')).buffer);
  return { texts, vectors: texts.map((_, row) => values.subarray(row * dim, (row + 1) * dim)) };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

// The weights (86 MiB) are not part of this repository. See the README of ../shared/models.
(present ? describe : describe.skip)('all-MiniLM-L6-v2 (skipped where ../shared/models lacks it)', () => {
  let pool: ModelPool;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'panic-tda-minilm-'));
    pool = await createModelPool({
      modelsFolder: folder,
      folders: { [MINILM]: weights },
      devices: { device: 'cpu' },
    });
  });
  afterAll(async () => {
    await pool.close();
    await rm(folder, { recursive: true });
  });

  test('gives the vectors of sentence-transformers, also for a text of more than 256 tokens', async () => {
    const expected = readExpected();
    const { vectors, fingerprint } = await pool.embed(MINILM, expected.texts.map(text));
    for (const [row, vector] of vectors.entries()) {
      expect(largestDifference(vector, expected.vectors[row]!)).toBeLessThan(2e-6);
    }
    expect(fingerprint).toMatchObject({ runtime: 'onnxruntime', device: 'cpu', dtype: 'fp32' });
    expect(fingerprint.runtimeVersion).toMatch(/^\d+\.\d+\.\d+/);
    expect(Object.keys(fingerprint.files)).toContain('onnx/model.onnx');
    for (const hash of Object.values(fingerprint.files)) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a vector has the same bytes, whatever other texts are in its batch', async () => {
    const { texts } = readExpected();
    const all = (await pool.embed(MINILM, [...texts, ...texts].map(text))).vectors;
    const alone = (await pool.embed(MINILM, [text(texts[3]!)])).vectors[0]!;
    expect(alone).toEqual(all[3]);
    expect(all[3]).toEqual(all[3 + texts.length]);
  });

  test("works off the caller's event loop", async () => {
    await pool.embed(MINILM, [text('the model is loaded')]);
    const stopped = embedders()[0]!;
    process.kill(stopped, 'SIGSTOP');
    const call = pool.embed(MINILM, [text('a')]);
    // The event loop turns while the process that computes cannot.
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.kill(stopped, 'SIGCONT');
    expect((await call).vectors).toHaveLength(1);
    expect(embedders()).toEqual([stopped]);
  });

  test('an abort ends the process that works on the call; the next call starts another', async () => {
    await pool.embed(MINILM, [text('the model is loaded')]);
    const stopped = embedders()[0]!;
    // A process that is stopped never answers, so that only the abort can end the call.
    process.kill(stopped, 'SIGSTOP');
    const reason = new Error('enough');
    const controller = new AbortController();
    const call = pool.embed(MINILM, [text('a')], controller.signal);
    setTimeout(() => controller.abort(reason), 10);
    await expect(call).rejects.toBe(reason);
    expect((await pool.embed(MINILM, [text('again')])).vectors).toHaveLength(1);
    expect(embedders()).not.toContain(stopped);
  });

  test('is found under the name that a download gives it, after its verification', async () => {
    const path = pinnedFolder(model, folder);
    await mkdir(dirname(path), { recursive: true });
    await symlink(weights, path);
    expect(missingModelFiles(model, folder)).toEqual([]);
    const found = await createModelPool({ modelsFolder: folder, devices: { device: 'cpu' } });
    await expect(found.embed(MINILM, [text('found')])).rejects.toThrow(/models verify AllMiniLML6v2/);
    await found.close();
    const { files } = await verifyModel(model, folder);
    const verified = await createModelPool({ modelsFolder: folder, devices: { device: 'cpu' } });
    const { vectors, fingerprint } = await verified.embed(MINILM, [text('found')]);
    expect(vectors).toHaveLength(1);
    expect(fingerprint.files).toEqual(Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256])));
    await verified.close();
  });

  test('a killed process says how it ended', async () => {
    const runner = startProcessRunner({ model, folder: weights, device: 'cpu' });
    runner.keepAlive(true);
    await runner.loaded;
    process.kill(runner.processId!, 'SIGKILL');
    expect((await runner.ended).message).toBe('ended by SIGKILL');
    await expect(runner.compute({ task: 'embed', inputs: [text('a')] })).rejects.toBeInstanceOf(RunnerEnded);
  });
});
