import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { errorMessage } from '../../common/errors.js';
import type { Device } from '../loaded-model.js';
import { productGraph } from './tiny-graph.js';

/** Vulkan drivers that compute on the processor: Mesa's lavapipe and Google's SwiftShader. */
const SOFTWARE_DRIVER = /^lib(?:vulkan_lvp|vk_swiftshader)\b/;
const VULKAN_DRIVER =
  /^(?:libvulkan_\w+|libvk_\w+|libGLX_nvidia|libEGL_nvidia|libnvidia-\w+|amdvlk\w*|libmali\w*|libVkICD\w*|libVK_\w+)\.so/;

// Some 25 ms of one core, and a few milliseconds of a GPU's driver.
const MATRIX_SIZE = 768;

/**
 * Why the device of this process is none that `auto` may take, as a clause, or null: a driver that computes on the processor
 * is 20 to 300 times slower than the runtime's own code for processors. The runtime does not say which adapter Dawn chose, so
 * two facts are looked at. On Linux, which Vulkan drivers this process has loaded, once a session has run: where all are
 * known to be software, that is the answer. Otherwise, what a product of matrices costs: where the device takes as much of
 * the processor's time as the processor needs for the same, the processor does the work.
 */
export async function softwareEvidence(device: Device): Promise<string | null> {
  const drivers = loadedVulkanDrivers();
  if (drivers.length > 0 && drivers.every((name) => SOFTWARE_DRIVER.test(name))) {
    return `its only driver here is ${drivers.join(', ')}, which computes on the processor, much slower than the device cpu does`;
  }
  try {
    const alone = await processorMsOf('cpu');
    const there = await processorMsOf(device);
    if (there < alone) return null;
    return (
      `its driver computes on the processor: a product of matrices took ${there.toFixed(0)} ms of processor time, ` +
      `and takes ${alone.toFixed(0)} ms on the device cpu`
    );
  } catch (error) {
    return `it cannot be told whether a GPU computes (${errorMessage(error)})`;
  }
}

/** File names, from the memory map of this process; empty on systems without one. */
function loadedVulkanDrivers(): string[] {
  let maps: string;
  try {
    maps = readFileSync('/proc/self/maps', 'utf8');
  } catch {
    return [];
  }
  const files = maps.split('\n').map((line) => basename(line.slice(line.indexOf('/'))));
  return [...new Set(files.filter((name) => VULKAN_DRIVER.test(name)))];
}

/** Processor time of this process for one run of the graph, milliseconds; kernels are compiled by a run before. */
async function processorMsOf(device: Device): Promise<number> {
  const session = await InferenceSession.create(productGraph(MATRIX_SIZE), {
    executionProviders: [device],
    // Further threads would spin while they wait.
    intraOpNumThreads: 1,
  });
  const shape = [MATRIX_SIZE, MATRIX_SIZE];
  const x = new Tensor('float32', new Float32Array(MATRIX_SIZE ** 2).fill(1 / MATRIX_SIZE), shape);
  await session.run({ x });
  const before = process.cpuUsage();
  await session.run({ x });
  const { user, system } = process.cpuUsage(before);
  await session.release();
  return (user + system) / 1000;
}
