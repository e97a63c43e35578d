import { errorMessage, PanicError } from '../../common/errors.js';
import { UnpassableType } from './declared-graph.js';
import { runtimeSentence } from './runtime-words.js';

/**
 * How onnxruntime 1.30 words a refusal of a graph that is in order, or of inputs that do not fit it: no kernel for
 * an operator with such numbers, an operator that a provider does not know, shapes. Each device has words of its
 * own. The same call fails each time, so that a retry is of no use. Only this file reads the runtime's words, since
 * its errors have no codes.
 */
const REFUSALS = [
  // The processor: bfloat16 and other numbers without kernels.
  /Could not find an implementation for /,
  // The binding for Node, for graphs that take or give such numbers.
  /Unsupported data type: \d+/,
  // WebGPU and CUDA: the provider has no kernel for a node, and the processor may not take part.
  /Provider type for .* node .* is not set/,
  // WebGPU: a device without 16-bit numbers, and shaders that cannot be made for such shapes.
  /requires f16 but the device does not support it/,
  /Invalid dispatch group size/,
  /INVALID_ARGUMENT|invalid dimensions/i,
];

/** Whether the runtime refuses the graph or its inputs on this device; false where the device failed. */
export function isRefusal(error: unknown): boolean {
  const message = errorMessage(error);
  return REFUSALS.some((words) => words.test(message));
}

/** The number of bfloat16 among ONNX's types. */
const BFLOAT16 = 16;

/** Whether the error is about inputs or outputs of bfloat16, which the binding for Node cannot pass. */
export function isAboutBfloat16(error: unknown): boolean {
  if (error instanceof UnpassableType) return error.element === BFLOAT16;
  const thrown = error instanceof PanicError ? error.cause : error;
  return new RegExp(`Unsupported data type: ${BFLOAT16}\\b`).test(errorMessage(thrown));
}

/**
 * How onnxruntime 1.30 begins an error about a file that it cannot use: damaged, missing, or without the data
 * beside it.
 */
const ABOUT_THE_FILE = /^(Load model |External data |The model path is a directory)/;

/** Whether the runtime cannot use the file of a graph, on any device. */
export function isAboutTheFile(error: unknown): boolean {
  return ABOUT_THE_FILE.test(errorMessage(error).trim());
}

/**
 * The runtime's error as PanicError: `InvalidInput` where the runtime refuses, and `DeviceError` where it fails.
 * `doing` begins the sentence.
 */
export function runtimeError(doing: string, error: unknown): PanicError {
  const told = `${doing}: ${runtimeSentence(errorMessage(error))}`;
  if (!isRefusal(error)) return new PanicError('DeviceError', told, { cause: error });
  const advice =
    'the runtime cannot compute that on this device; take another one, or another export of the model';
  return new PanicError('InvalidInput', `${told}; ${advice}`, { cause: error });
}
