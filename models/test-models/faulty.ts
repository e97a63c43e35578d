import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** Names the file that lets GatedI2T answer, and HostedT2I the prompt `gated`. */
export const GATE_VARIABLE = 'GATED_I2T_GATE';

/**
 * The folder in which each call that waits at this gate has a file. If the folder is there, a call
 * whose file is removed goes on.
 */
export function callsAtGate(gate: string): string {
  return `${gate}.calls`;
}

const SLOW_MS = 100;
const GATE_LOOK_MS = 25;

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
  hold(SLOW_MS);
  return describeDummy(picture, seed);
}

/**
 * DummyI2T that blocks its thread until the gate's file exists, or until a test lets this call through. So no run
 * can end before a test lets it, however slow the machine is.
 */
export function describeBehindGate(picture: ImageArtifact, seed: number): TextArtifact {
  waitAtGate();
  return describeDummy(picture, seed);
}

/** Blocks its thread until the gate's file exists, or until a test lets this call through. */
export function waitAtGate(): void {
  const gate = process.env[GATE_VARIABLE] ?? '';
  if (gate !== '' && !existsSync(gate)) waitAt(gate);
}

/** DummyT2I that blocks its thread for 100 ms. */
export function paintSlowly(prompt: TextArtifact, seed: number): ImageArtifact {
  hold(SLOW_MS);
  return paintDummy(prompt, seed);
}

function waitAt(gate: string): void {
  const folder = callsAtGate(gate);
  const call = join(folder, randomUUID());
  if (existsSync(folder)) writeFileSync(call, '');
  // A test that is over has removed the folder too, and lets no call through by that.
  while (!existsSync(gate) && (existsSync(call) || !existsSync(folder))) hold(GATE_LOOK_MS);
  rmSync(call, { force: true });
}

function hold(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
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
  faulty('GatedI2T', `For tests: DummyI2T that waits until the file of ${GATE_VARIABLE} is there.`),
  faulty('SlowI2T', 'For tests and benchmarks: DummyI2T that takes 100 ms.'),
  faulty('SlowT2I', 'For tests and benchmarks: DummyT2I that takes 100 ms.', ['text', 'image']),
  hosted('HostedT2I', 'For tests: DummyT2I in a process of its own, which obeys commands in its prompt.'),
  hosted('HostedTwinT2I', 'For tests: as HostedT2I, in another process.'),
  hosted('UnloadableT2I', 'For tests: its process ends while it loads.', { unloadable: true }),
];
