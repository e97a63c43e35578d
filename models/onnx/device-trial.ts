import { fork } from 'node:child_process';
import { childEnvironment } from '../../common/child-environment.js';
import { compiledFile } from '../../common/compiled-file.js';
import { errorMessage } from '../../common/errors.js';
import type { Device } from '../loaded-model.js';
import { cudaProvider } from './cuda.js';
import { cudaProblem, explainCudaProblem } from './cuda-libraries.js';
import { lastWords, runtimeSentence } from './runtime-words.js';

export interface DeviceTrial {
  readonly device: Device;
  /** Why it does not work, in one sentence; null where it does. */
  readonly reason: string | null;
  /** Why `auto` does not take a device that works, as a clause; absent where it does. */
  readonly software?: string;
  /**
   * Set where the trial says nothing about the device: its process did not start, took too long, or was ended from
   * outside. Another trial may have another result.
   */
  readonly undecided?: true;
  /** Set where `panic-tda setup cuda` gets what is missing, or says what does. */
  readonly setupHelps?: true;
}

/** What the process of a trial reports. */
export interface TrialReport {
  readonly reason: string | null;
  readonly software: string | null;
}

// The first use of a GPU may compile its kernels, which takes long.
const TRIAL_MS = 60_000;
const STDERR_TAIL_CHARACTERS = 16_384;
const LAST_WORDS_CHARACTERS = 300;
/** Signals by which the fault of a driver ends a process. */
const CRASHES: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGABRT', 'SIGFPE', 'SIGTRAP']);

/** Tries a device with a tiny graph, in a process of its own, since drivers crash. Never rejects. */
export async function runTrial(device: Device): Promise<DeviceTrial> {
  try {
    const missing = device === 'cuda' ? await cudaIsMissing() : null;
    return missing ?? (await tryInProcess(device));
  } catch (error) {
    return { device, reason: `it could not be tried: ${errorMessage(error)}`, undecided: true };
  }
}

/**
 * Looks for CUDA's libraries before the trial: the runtime's error names neither the missing library nor the way to
 * get it.
 */
async function cudaIsMissing(): Promise<DeviceTrial | null> {
  const provider = cudaProvider();
  if (provider === null) return { device: 'cuda', reason: 'the runtime has CUDA for Linux on x64 only' };
  const problem = await cudaProblem(provider.library);
  if (problem === null) return null;
  const trial = { device: 'cuda', reason: explainCudaProblem(problem) } as const;
  return problem.kind === 'driver-missing' ? trial : { ...trial, setupHelps: true };
}

function tryInProcess(device: Device): Promise<DeviceTrial> {
  return new Promise((resolve) => {
    const child = fork(compiledFile('models/onnx/device-main.js'), [device], {
      execArgv: [],
      env: childEnvironment('runner'),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, TRIAL_MS);
    let tail = '';
    let told: TrialReport | undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-STDERR_TAIL_CHARACTERS);
    });
    child.on('message', (report: TrialReport) => {
      told = report;
    });
    child.on('error', (error) => {
      clearTimeout(limit);
      const reason = `it could not be tried: ${error.message}`;
      if (child.pid === undefined) resolve({ device, reason, undecided: true });
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      if (told !== undefined) resolve(trialOf(device, told, tail));
      else if (late) {
        const reason = `it did not run a tiny graph within ${TRIAL_MS / 1000} s`;
        resolve({ device, reason, undecided: true });
      } else resolve(crashed(device, code, signal, tail));
    });
  });
}

function trialOf(device: Device, { reason, software }: TrialReport, log: string): DeviceTrial {
  if (reason !== null) return { device, reason: explained(reason, log) };
  return software === null ? { device, reason } : { device, reason, software };
}

function crashed(device: Device, code: number | null, signal: string | null, log: string): DeviceTrial {
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  const words = lastWords(log, LAST_WORDS_CHARACTERS);
  const said = words === '' ? '' : `: ${runtimeSentence(words)}`;
  const reason = `the process that tried it ${how}${said}`;
  // SIGKILL and SIGTERM come from outside: from a user, or from a system that is short of memory.
  const undecided = signal !== null && !CRASHES.has(signal);
  return undecided ? { device, reason, undecided: true } : { device, reason };
}

/**
 * Adds the runtime's log to a reason: the log names the library that the runtime cannot load, and the error does
 * not.
 */
function explained(reason: string, log: string): string {
  const library = /with error: ([^\n]+)/.exec(log)?.[1];
  const sentence = runtimeSentence(reason);
  return library === undefined ? sentence : `${sentence} (${runtimeSentence(library)})`;
}
