import { PanicError } from '../../common/errors.js';
import type { Fingerprint } from '../../experiment/provenance.js';
import { paintDummy } from '../dummy.js';
import {
  type GeneratedItem,
  type GenerateItem,
  type LoadedGenerator,
  type LoadTask,
  UNOPENED,
} from '../loaded-model.js';
import { NothingComputes } from '../onnx/session.js';
import { waitAtGate } from './faulty.js';

const BYTES_PER_MIB = 2 ** 20;
const WHOLE = { cutTokens: 0, outputCut: false } as const;

/** The memory that `leak` takes for good. */
const leaked: Uint8Array[] = [];

/**
 * Loads a model that misbehaves on purpose in its own process. It is DummyT2I, except for prompts that begin with a
 * command. `crash` ends the process as a native crash does; `break` fails the batch as a broken device does;
 * `refuse` fails its own item only; `blank` paints nothing; `slow MS` blocks the process for so long; `gated`
 * blocks it until the gate of GatedI2T is open; `leak MIB` takes memory for good.
 */
export function loadFaulty({ model, device }: LoadTask): LoadedGenerator {
  if (device === UNOPENED) throw new NothingComputes();
  if (model.settings['unloadable'] === true) {
    process.stderr.write('the weights cannot be read\n');
    process.kill(process.pid, 'SIGKILL');
  }
  const fingerprint: Fingerprint = {
    runtime: 'typescript',
    runtimeVersion: process.version,
    device,
    dtype: 'float64',
    files: {},
  };
  // Computes without awaiting, so that it blocks the process as a native call does.
  return { kind: 'generative', fingerprint, generate: async (items) => items.map(obey) };
}

function obey({ input, seed }: GenerateItem): GeneratedItem | PanicError {
  if (input.modality !== 'text') throw new PanicError('InvalidInput', 'the faulty models take text');
  const [command = '', amount] = input.text.split(' ');
  switch (command) {
    case 'crash':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'break':
      throw new PanicError('DeviceError', 'the device has been unplugged');
    case 'refuse':
      return new PanicError('InvalidInput', 'this prompt is refused');
    case 'blank':
      return { output: { modality: 'image', width: 0, height: 0, pixels: new Uint8Array(0) }, ...WHOLE };
    case 'slow':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(amount));
      break;
    case 'gated':
      waitAtGate();
      break;
    case 'leak':
      leaked.push(new Uint8Array(Number(amount) * BYTES_PER_MIB).fill(1));
      break;
    default:
  }
  return { output: paintDummy(input, seed), ...WHOLE };
}
