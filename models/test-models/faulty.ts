import { closeSync, existsSync, openSync } from 'node:fs';
import type { ImageArtifact, Modality, TextArtifact } from '../../experiment/artifact.js';
import type { GenerativeModel } from '../../experiment/model.js';
import { describeDummy, paintDummy } from '../dummy.js';

/**
 * Names the file whose absence makes CrashingI2T end its thread. The model makes the file first, so it crashes
 * once. The name lacks the prefix of the program's own variables, since the program refuses a variable with that
 * prefix that it does not know.
 */
export const CRASH_MARKER_VARIABLE = 'CRASHING_I2T_MARKER';

/** Names the file that makes PoisonedI2T answer every seed with a caption. */
export const ANTIDOTE_VARIABLE = 'POISONED_I2T_ANTIDOTE';

/** Names the file that lets GatedI2T answer at once. */
export const GATE_VARIABLE = 'GATED_I2T_GATE';

const SLOW_MS = 100;
const GATED_MS = 1000;

/** Answers a blank caption for seed 13, and is DummyI2T otherwise. */
export function describeUnlessSeed13(picture: ImageArtifact, seed: number): TextArtifact {
  return seed === 13 ? { modality: 'text', text: '  ' } : describeDummy(picture, seed);
}

/** Answers a blank caption for one seed in a hundred until the antidote's file exists, and is DummyI2T otherwise. */
export function describeUnlessPoisoned(picture: ImageArtifact, seed: number): TextArtifact {
  const antidote = process.env[ANTIDOTE_VARIABLE];
  const cured = antidote !== undefined && antidote !== '' && existsSync(antidote);
  return seed % 100 === 13 && !cured ? { modality: 'text', text: '  ' } : describeDummy(picture, seed);
}

/** Ends its thread once, when the marker file is absent, and is DummyI2T otherwise. */
export function describeAfterCrash(picture: ImageArtifact, seed: number): TextArtifact {
  const marker = process.env[CRASH_MARKER_VARIABLE];
  if (marker !== undefined && marker !== '' && makeOnce(marker)) process.exit(1);
  return describeDummy(picture, seed);
}

/** DummyI2T that blocks its thread for 100 ms. */
export function describeSlowly(picture: ImageArtifact, seed: number): TextArtifact {
  hold();
  return describeDummy(picture, seed);
}

/**
 * DummyI2T that blocks its thread for a second until the gate's file exists, and not at all from then on. So a run
 * of some hundred steps cannot end before a test lets it, however slow the machine is.
 */
export function describeBehindGate(picture: ImageArtifact, seed: number): TextArtifact {
  const gate = process.env[GATE_VARIABLE] ?? '';
  if (gate !== '') holdUntilThere(gate, performance.now() + GATED_MS);
  return describeDummy(picture, seed);
}

/** DummyT2I that blocks its thread for 100 ms. */
export function paintSlowly(prompt: TextArtifact, seed: number): ImageArtifact {
  hold();
  return paintDummy(prompt, seed);
}

function holdUntilThere(file: string, end: number): void {
  while (!existsSync(file) && performance.now() < end) hold();
}

function hold(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SLOW_MS);
}

/**
 * Makes the file; false where it exists. It is one system call, so that of several threads exactly one makes the
 * file.
 */
function makeOnce(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch {
    return false;
  }
}

function faulty(
  name: string,
  summary: string,
  [input, output]: readonly [Modality, Modality] = ['image', 'text'],
): GenerativeModel {
  return {
    kind: 'generative',
    name,
    summary,
    loader: 'built-in',
    weights: null,
    source: 'built-in',
    revision: '1',
    settings: {},
    license: 'MIT',
    input,
    output,
    deterministic: true,
  };
}

/** A model that the loader `faulty` runs (faulty-runner.ts, which lists the commands for prompts). */
function hosted(name: string, summary: string, settings: GenerativeModel['settings'] = {}): GenerativeModel {
  const weights = { files: [], gated: false, memoryMiB: 200, maxBatch: 4 };
  return { ...faulty(name, summary, ['text', 'image']), loader: 'faulty', weights, settings };
}

/** Models that misbehave on purpose. The catalogue has them only where a caller asks for test models. */
export const faultyModels: readonly GenerativeModel[] = [
  faulty('EmptyCaptionI2T', 'For tests: a blank caption for seed 13, otherwise DummyI2T.'),
  faulty(
    'PoisonedI2T',
    `For tests: a blank caption for seeds 13, 113, 213, ... until the file of ${ANTIDOTE_VARIABLE} is there, otherwise DummyI2T.`,
  ),
  faulty(
    'CrashingI2T',
    `For tests: ends its thread once, when the file of ${CRASH_MARKER_VARIABLE} is absent.`,
  ),
  faulty('GatedI2T', `For tests: DummyI2T that takes a second until the file of ${GATE_VARIABLE} is there.`),
  faulty('SlowI2T', 'For tests and benchmarks: DummyI2T that takes 100 ms.'),
  faulty('SlowT2I', 'For tests and benchmarks: DummyT2I that takes 100 ms.', ['text', 'image']),
  hosted('HostedT2I', 'For tests: DummyT2I in a process of its own, which obeys commands in its prompt.'),
  hosted('HostedTwinT2I', 'For tests: as HostedT2I, in another process.'),
  hosted('UnloadableT2I', 'For tests: its process ends while it loads.', { unloadable: true }),
];
