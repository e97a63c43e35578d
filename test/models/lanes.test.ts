import { expect, test } from '@jest/globals';
import { DEVICE_SETTINGS } from '../../models/choices.js';
import type { GenerativeModel } from '../../experiment/model.js';
import type { GeneratedItem, GenerateItem } from '../../models/loaded-model.js';
import { generating } from '../../models/runners/batch-kind.js';
import { MemoryBudget } from '../../models/runners/memory-budget.js';
import { ModelLane } from '../../models/runners/model-lane.js';
import { RunnerEnded, type ProcessRunner } from '../../models/runners/process-runner.js';
import { WEAR_LIMITS } from '../../models/runners/wear.js';

const MINUTE_MS = 60_000;

/** Two real lanes that do not fit together. Their processes take time by the test's clock only. */
function lanesOf(loadMs: Readonly<Record<'painter' | 'describer', number>>, computeMs: number) {
  let now = 0;
  const loads: string[] = [];
  const budget = new MemoryBudget({ limitMiB: 150, turnMs: MINUTE_MS, remedy: '', now: () => now });

  function runner(name: 'painter' | 'describer'): ProcessRunner {
    loads.push(name);
    let end: (reason: RunnerEnded) => void;
    const ended = new Promise<RunnerEnded>((resolve) => (end = resolve));
    return {
      processId: 1,
      loaded: Promise.resolve().then(() => void (now += loadMs[name])),
      ended,
      keepAlive: () => {},
      stop: async () => end(new RunnerEnded('ended')),
      compute: async () => {
        now += computeMs;
        const output = { modality: 'text' as const, text: name };
        return {
          answers: { task: 'generate', items: [{ output, cutTokens: 0, outputCut: false }] },
          fingerprint: { runtime: 'none', runtimeVersion: '1', device: 'cpu', dtype: 'none', files: {} },
          computeMs: 0,
          residentMiB: 1,
        };
      },
    };
  }

  const lane = (name: 'painter' | 'describer'): ModelLane<GenerateItem, GeneratedItem> =>
    new ModelLane({
      model: modelNamed(name),
      kind: generating,
      wear: WEAR_LIMITS,
      deadlines: DEVICE_SETTINGS,
      place: () => Promise.resolve({ device: 'cpu', budget }),
      start: () => runner(name),
    });
  return { painter: lane('painter'), describer: lane('describer'), loads };
}

function modelNamed(name: string): GenerativeModel {
  return {
    kind: 'generative',
    name,
    summary: '',
    loader: 'text-to-image',
    source: 'folder:/',
    revision: '1',
    license: 'MIT',
    input: 'text',
    output: 'text',
    deterministic: true,
    settings: {},
    weights: { files: ['a'], gated: false, memoryMiB: 100, maxBatch: 1 },
  };
}

test('two models that keep each other busy spend a tenth of the time on loading, and both make progress', async () => {
  // The two loadings take 50 s together, and a call takes 15 s. With turns of a minute, every fourth call would be
  // a swap.
  const { painter, describer, loads } = lanesOf({ painter: 44_000, describer: 6_000 }, 15_000);
  const item: GenerateItem = { input: { modality: 'text', text: 'a' }, seed: 1 };
  const calls = 30 + 4 * 34;
  await Promise.all(
    [painter, describer].flatMap((lane) => Array.from({ length: calls }, () => lane.call(item))),
  );
  await Promise.all([painter.close(), describer.close()]);
  // The first turn is 440 s (30 calls), since the describer's loading time is still unknown. The others are 500 s
  // (34 calls).
  expect(loads).toEqual(Array.from({ length: 10 }, (_, k) => (k % 2 === 0 ? 'painter' : 'describer')));
});
