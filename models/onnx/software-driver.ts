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

// Costs some 25 ms of one core, and a few milliseconds of a GPU's driver.
const MATRIX_SIZE = 768;

/**
 * Why `auto` may not take the device of this process, as a clause, or null. A driver that computes on the processor
 * is 20 to 300 times slower than the runtime's own code for processors. The runtime does not say which adapter Dawn
 * chose, so this function uses two facts. The first is on Linux: the Vulkan drivers that this process has loaded,
 * once a session has run. Where all of them are known as software, they are the reason. The second is the cost of a
 * product of matrices: where the device takes as much processor time as the processor itself needs, the processor
 * does the work.
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

/** Processor time of this process for one run of the graph, milliseconds. A run before it compiles the kernels. */
async function processorMsOf(device: Device): Promise<number> {
  const session = await InferenceSession.create(productGraph(MATRIX_SIZE), {
    executionProviders: [device],
    // More threads would spin while they wait.
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
