import { InferenceSession, Tensor } from 'onnxruntime-node';
import { errorMessage } from '../../common/errors.js';
import type { Device } from '../loaded-model.js';
import type { TrialReport } from './device-trial.js';
import { softwareEvidence } from './software-driver.js';
import { TINY_INPUTS, TINY_OUTPUT, tinyGraph } from './tiny-graph.js';

/** Runs the tiny graph on a device. Gives the reason why that does not work, or null. */
async function trial(device: Device): Promise<string | null> {
  const session = await InferenceSession.create(tinyGraph(), {
    executionProviders: [device],
    // Otherwise the runtime silently gives the processor each node that the provider refuses.
    ...(device === 'cpu' ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
  });
  const { x, w } = TINY_INPUTS;
  const { y } = await session.run({
    x: new Tensor('float32', Float32Array.from(x.values), [...x.shape]),
    w: new Tensor('float32', Float32Array.from(w.values), [...w.shape]),
  });
  const given = y?.data instanceof Float32Array ? [...y.data].join(', ') : 'nothing';
  const right = TINY_OUTPUT.join(', ');
  return given === right ? null : `it computes ${given} where ${right} is right`;
}

async function report(device: Device): Promise<TrialReport> {
  const reason = await trial(device).catch(errorMessage);
  const software = reason === null && device === 'webgpu' ? await softwareEvidence(device) : null;
  return { reason, software };
}

const device = process.argv[2];
if (device !== 'cpu' && device !== 'cuda' && device !== 'webgpu') throw new Error(`no device: ${device}`);
process.send?.(await report(device), () => process.exit());
