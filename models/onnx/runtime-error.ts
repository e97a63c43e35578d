import { errorMessage, PanicError } from '../../common/errors.js';
import { UnpassableType } from './declared-graph.js';
import { runtimeSentence } from './runtime-words.js';

/**
 * The one place that reads the runtime's words, since its errors have no codes. How onnxruntime 1.30 refuses a graph that is in order, or inputs that do not fit it: no kernel for an operator with such
 * numbers, an operator that a provider does not know, shapes. Each device has words of its own. The same call fails each time,
 * so that a retry is of no use.
 */
const REFUSALS = [
  // The processor: bfloat16 and other numbers without kernels.
  /Could not find an implementation for /,
  // The binding for Node: graphs that take or give such numbers.
  /Unsupported data type: \d+/,
  // WebGPU and CUDA: the provider takes none of the kernels that the processor has no part in either.
  /Provider type for .* node .* is not set/,
  // WebGPU: a device without 16-bit numbers, and shaders that cannot be made for such shapes.
  /requires f16 but the device does not support it/,
  /Invalid dispatch group size/,
  /INVALID_ARGUMENT|invalid dimensions/i,
];

/** Whether the runtime refuses what it was given, on whatever device; false where the device failed. */
export function isRefusal(error: unknown): boolean {
  const message = errorMessage(error);
  return REFUSALS.some((words) => words.test(message));
}

/** Number of bfloat16 among ONNX's types. */
const BFLOAT16 = 16;

/** Whether the binding for Node gives up, or would give up, on a graph whose inputs or outputs are bfloat16. */
export function isAboutBfloat16(error: unknown): boolean {
  if (error instanceof UnpassableType) return error.element === BFLOAT16;
  const thrown = error instanceof PanicError ? error.cause : error;
  return new RegExp(`Unsupported data type: ${BFLOAT16}\\b`).test(errorMessage(thrown));
}

/** How onnxruntime 1.30 begins when it is the file that it cannot use: damaged, not there, data beside it missing. */
const ABOUT_THE_FILE = /^(Load model |External data |The model path is a directory)/;

/** Whether the runtime cannot use the file of a graph, on whatever device. */
export function isAboutTheFile(error: unknown): boolean {
  return ABOUT_THE_FILE.test(errorMessage(error).trim());
}

/** What the runtime threw, as ours: `InvalidInput` where it refuses, and `DeviceError` where it fails. `doing` begins the sentence. */
export function runtimeError(doing: string, error: unknown): PanicError {
  const told = `${doing}: ${runtimeSentence(errorMessage(error))}`;
  if (!isRefusal(error)) return new PanicError('DeviceError', told, { cause: error });
  const advice =
    'the runtime cannot compute that on this device; take another one, or another export of the model';
  return new PanicError('InvalidInput', `${told}; ${advice}`, { cause: error });
}
