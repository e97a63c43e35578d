import { setTimeout as sleep } from 'node:timers/promises';
import type { GenerativeModel } from '../experiment/model.js';
import type { GenerateItem } from '../models/loaded-model.js';
import { generating } from '../models/runners/batch-kind.js';
import { MemoryBudget } from '../models/runners/memory-budget.js';
import { ModelLane } from '../models/runners/model-lane.js';
import { RunnerEnded, type ProcessRunner } from '../models/runners/process-runner.js';
import { DEVICE_SETTINGS } from '../models/choices.js';
import { WEAR_LIMITS } from '../models/runners/wear.js';
import { runCommand } from './common/command.js';
import { markdownTable } from './common/markdown.js';

/**
 * What share of a GPU's time swapping costs if a painter and a describer do not fit beside each other: `node
 * dist/bench/lanes.js` after `npm run build`. The queues, lanes and the memory budget are the product's own.
 * The processes of models only wait, by a clock that is SCALE times as fast. Each case runs with turns of a
 * minute, whatever loading takes, and with turns that last ten times as long as loading.
 */

const SCALE = 20;
const TURN_MS = 60_000;
/** What a run does between two calls: it stores an output. */
const STEP_MS = 40;

interface Case {
  readonly runs: number;
  /** Pictures of each run; it has as many captions. */
  readonly rounds: number;
  readonly paintMs: number;
  readonly describeMs: number;
  readonly loadPainterMs: number;
  readonly loadDescriberMs: number;
}

const CASES: readonly Case[] = [
  { runs: 64, rounds: 4, paintMs: 1_000, describeMs: 300, loadPainterMs: 15_000, loadDescriberMs: 6_000 },
  { runs: 32, rounds: 2, paintMs: 5_000, describeMs: 300, loadPainterMs: 30_000, loadDescriberMs: 6_000 },
  { runs: 16, rounds: 2, paintMs: 15_000, describeMs: 300, loadPainterMs: 45_000, loadDescriberMs: 6_000 },
];

interface Outcome {
  readonly seconds: number;
  /** Share of the time in which no model computed. */
  readonly idle: number;
  readonly loads: number;
}

async function measure(one: Case, loadsInTurn: number): Promise<Outcome> {
  let computedMs = 0;
  let loads = 0;
  const budget = new MemoryBudget({
    limitMiB: 150,
    turnMs: TURN_MS / SCALE,
    loadsInTurn,
    remedy: '',
  });

  function runner(loadMs: number, computeMs: number): ProcessRunner {
    loads++;
    let end: (reason: RunnerEnded) => void;
    const ended = new Promise<RunnerEnded>((resolve) => (end = resolve));
    return {
      processId: process.pid,
      loaded: sleep(loadMs / SCALE),
      ended,
      keepAlive: () => {},
      stop: () => Promise.resolve(end(new RunnerEnded('ended'))),
      compute: async () => {
        const began = performance.now();
        await sleep(computeMs / SCALE);
        const took = performance.now() - began;
        computedMs += took;
        return {
          answers: {
            task: 'generate',
            items: [{ output: { modality: 'text', text: 'a' }, cutTokens: 0, outputCut: false }],
          },
          fingerprint: { runtime: 'none', runtimeVersion: '1', device: 'cpu', dtype: 'none', files: {} },
          computeMs: took,
          residentMiB: 1,
        };
      },
    };
  }

  const lane = (name: string, loadMs: number, computeMs: number) =>
    new ModelLane({
      model: modelNamed(name),
      kind: generating,
      wear: WEAR_LIMITS,
      deadlines: DEVICE_SETTINGS,
      place: () => Promise.resolve({ device: 'cpu', budget }),
      start: () => runner(loadMs, computeMs),
    });
  const painter = lane('painter', one.loadPainterMs, one.paintMs);
  const describer = lane('describer', one.loadDescriberMs, one.describeMs);

  async function run(index: number): Promise<void> {
    for (let round = 0; round < one.rounds; round++) {
      const item: GenerateItem = { input: { modality: 'text', text: `${index} ${round}` }, seed: 1 };
      await painter.call(item);
      await sleep(STEP_MS / SCALE);
      await describer.call(item);
      await sleep(STEP_MS / SCALE);
    }
  }

  const began = performance.now();
  await Promise.all(Array.from({ length: one.runs }, (_, index) => run(index)));
  const tookMs = performance.now() - began;
  await Promise.all([painter.close(), describer.close()]);
  return { seconds: (tookMs * SCALE) / 1000, idle: 1 - computedMs / tookMs, loads };
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

async function main(): Promise<void> {
  const rows: string[][] = [];
  for (const one of CASES) {
    const [before, after] = [await measure(one, 0), await measure(one, 10)];
    const what = `${one.runs} runs, ${one.rounds} rounds, ${one.paintMs / 1000} s + ${one.describeMs / 1000} s, loading ${one.loadPainterMs / 1000} s + ${one.loadDescriberMs / 1000} s`;
    rows.push([what, told(before), told(after)]);
  }
  const header = ['case', 'turns of a minute', 'turns of ten loadings'];
  console.log(markdownTable(header, rows, header.length));
}

function told({ seconds, idle, loads }: Outcome): string {
  return `idle ${(100 * idle).toFixed(0)} %, ${loads} loadings, ${seconds.toFixed(0)} s`;
}

await runCommand(main);
