import { env as runtime, InferenceSession } from 'onnxruntime-node';
import { errorMessage, PanicError } from '../../experiment/errors.js';
import type { Device } from '../loaded-model.js';

/**
 * Opens a graph on exactly `device`: the runtime has no fall-back of its own that would say so. Throws PanicError
 * `DeviceError` where the graph cannot be opened there.
 */
export async function openSession(file: string, device: Device): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(file, { executionProviders: [device] });
  } catch (error) {
    throw new PanicError('DeviceError', `cannot open ${file} on ${device}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

export function runtimeVersion(): string {
  return runtime.versions.node ?? runtime.versions.common;
}
