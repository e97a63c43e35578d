import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { DEVICE_SETTINGS } from '../../models/choices.js';
import { CallDeadline } from '../../models/runners/deadline.js';
import { RunnerGroup } from '../../models/runners/runner-group.js';
import { MemoryBudget } from '../../models/runners/memory-budget.js';
import { ProcessModels } from '../../models/runners/process-models.js';
import { WEAR_LIMITS } from '../../models/runners/wear.js';
import { dist } from '../support/child-processes.js';
import { untilFrozen } from '../support/frozen.js';
import { captionerIn, fixtures as captioners, fp32 } from './captions/tiny-models.js';
import { modelOf, own } from './embedder-fixtures.js';

const text = (value: string): Artifact => ({ modality: 'text', text: value });
const folder = mkdtempSync(join(tmpdir(), 'panic-tda-hanging-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of a tiny model with one changed file. */
function copyWith(path: string, name: string, change: (content: string) => string): string {
  const copy = join(folder, name.replaceAll('.', '-'));
  cpSync(path, copy, { recursive: true });
  writeFileSync(join(copy, name), change(readFileSync(join(copy, name), 'utf8')));
  return copy;
}

/** The number of processes of models in this file's folder. */
function processes(): number {
  const lines = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8', maxBuffer: 2 ** 26 }).split(
    '\n',
  );
  return lines.filter((line) => line.includes(folder) && line.includes('process-main')).length;
}

let models: ProcessModels;
afterEach(async () => {
  await models?.close();
});

function open(
  path: string,
  deadlines: { readonly callSeconds?: number; readonly loadSeconds?: number },
): void {
  models = new ProcessModels({
    filesOf: () => ({ folder: path }),
    findPlace: async () => ({
      device: 'cpu',
      budget: new MemoryBudget({ limitMiB: 1000, remedy: '', turnMs: 1000 }),
    }),
    wear: WEAR_LIMITS,
    deadlines: { ...DEVICE_SETTINGS, ...deadlines },
  });
}

describe('a tokenizer whose regular expression never finishes', () => {
  /**
   * For each word, the expression tries every way to divide the letters before it gives up at the "!". That takes
   * some tenths of a second.
   */
  const hanging = text(`${'a'.repeat(22)}! `.repeat(4000));
  let path: string;
  beforeAll(() => {
    path = copyWith(join(own, 'mpnet'), 'tokenizer.json', (content) => {
      const described: { pre_tokenizer: object } = JSON.parse(content);
      const split = {
        type: 'Split',
        pattern: { Regex: '(a+)+$' },
        behavior: 'Isolated',
        invert: false,
      };
      described.pre_tokenizer = { type: 'Sequence', pretokenizers: [split, described.pre_tokenizer] };
      return JSON.stringify(described);
    });
  });

  test('is ended with its process, and fails its input alone', async () => {
    open(path, { callSeconds: 2 });
    const settings = { file: 'model.onnx', dtype: 'fp32', output: 'last_hidden_state', normalize: true };
    const model = modelOf({
      folder: path,
      input: 'text',
      dimension: 32,
      settings: { ...settings, max_tokens: 32, pooling: 'mean' },
    });
    const calls = await Promise.allSettled([text('a cat'), hanging].map((one) => models.embed(model, [one])));
    expect(calls[0]!.status).toBe('fulfilled');
    expect(calls[1]).toMatchObject({
      status: 'rejected',
      reason: {
        kind: 'ResourceLimit',
        message: expect.stringMatching(
          /the process of Tiny, at work on the text "aaa.*, gave no answer within 2 s and was ended.*PANIC_TDA_CALL_SECONDS/,
        ),
      },
    });
    // The next call gets a process that works.
    expect((await models.embed(model, [text('a dog')])).vectors).toHaveLength(1);
    await models.close();
    expect(processes()).toBe(0);
  });
});

describe('a chat template that never finishes', () => {
  test('is ended with its process, and the message names the model', async () => {
    const loop = '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}';
    const path = copyWith(
      join(captioners, 'smolvlm-tiny'),
      'chat_template.jinja',
      (content) => loop + content,
    );
    open(path, { callSeconds: 2, loadSeconds: 2 });
    const model = captionerIn(path, {
      family: 'smolvlm',
      prompt: 'What is it?',
      max_new_tokens: 12,
      image_splitting: false,
      ...fp32('vision_encoder', 'embed_tokens', 'decoder_model_merged'),
    });
    const picture: ImageArtifact = { modality: 'image', width: 8, height: 8, pixels: new Uint8Array(192) };
    await expect(models.generate(model, { input: picture, seed: 1 })).rejects.toMatchObject({
      kind: 'ResourceLimit',
      message: expect.stringMatching(/the process of Tiny.* within 2 s and was ended/),
    });
    await models.close();
    expect(processes()).toBe(0);
  });
});

describe('a thread that never finishes', () => {
  test('is ended, and the next call gets another', async () => {
    let started = 0;
    const group = new RunnerGroup({
      name: 'built-in models',
      noun: 'thread',
      size: 1,
      stopOnAbort: false,
      deadlines: { callSeconds: 0.5 },
      start: (events) => {
        const first = started++ === 0;
        const worker = new Worker(
          `require('node:worker_threads').parentPort.on('message', () => {
            for (; ${first};);
            require('node:worker_threads').parentPort.postMessage('done');
          })`,
          { eval: true },
        );
        const computed = { task: 'generate', cutTokens: 0, outputCut: false, computeMs: 1 } as const;
        const fingerprint = { runtime: '', runtimeVersion: '', device: 'cpu', dtype: '', files: {} };
        worker.on('message', () =>
          events.reply({ ok: true, answer: { ...computed, output: text('answer'), fingerprint } }),
        );
        return {
          send: (request) => worker.postMessage(request),
          keepAlive: () => undefined,
          stop: async () => void (await worker.terminate()),
        };
      },
    });
    try {
      const request = { task: 'generate', model: 'Endless', input: text('a'), seed: 1 } as const;
      const calls = await Promise.allSettled([group.call(request, []), group.call(request, [])]);
      expect(calls[0]).toMatchObject({
        reason: {
          kind: 'ResourceLimit',
          message: expect.stringMatching(/^the thread of Endless gave no answer/),
        },
      });
      expect(calls[1]).toMatchObject({ value: { output: text('answer') } });
      expect(started).toBe(2);
    } finally {
      await group.close();
    }
  });
});

describe('the deadline of a call', () => {
  test('is that of the settings at first, and later a hundred times the longest call, at least ten minutes', async () => {
    let now = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      const deadline = new CallDeadline({ callSeconds: 3600 });
      const take = (ms: number): void => {
        const watch = deadline.watch('a call', () => undefined);
        now += ms;
        watch.answered();
      };
      expect(deadline.ms).toBe(3_600_000);
      take(20);
      expect(deadline.ms).toBe(600_000);
      take(10_000);
      take(30);
      expect(deadline.ms).toBe(1_000_000);
      take(100_000);
      expect(deadline.ms).toBe(3_600_000);
    } finally {
      clock.mockRestore();
    }
  });

  (process.platform === 'win32' ? test.skip : test)(
    'does not pass while the process is stopped, and the process reads its input before it passes',
    async () => {
      const script = `
        const { afterWorkingTime } = await import(${dist('common/working-time.js')});
        afterWorkingTime(2000, () => { console.log('over'); process.exit(); });
        process.stdin.once('data', () => { console.log('answered'); process.exit(); });
        console.log('waiting');
        process.kill(process.pid, 'SIGSTOP');`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const said: string[] = [];
      child.stdout.setEncoding('utf8').on('data', (line: string) => said.push(...line.trim().split('\n')));
      try {
        while (said.length === 0) await sleep(10);
        await untilFrozen(child.pid!);
        // Its time cannot be over yet, even on a busy machine.
        await sleep(4000);
        child.stdin.write('an answer\n');
        child.kill('SIGCONT');
        await once(child, 'exit');
        expect(said).toEqual(['waiting', 'answered']);
      } finally {
        child.kill('SIGKILL');
      }
    },
  );
});
