import { InferenceSession, Tensor } from 'onnxruntime-node';
import { errorMessage } from '../../experiment/errors.js';
import { TINY_INPUTS, TINY_OUTPUT, tinyGraph } from './tiny-graph.js';

/** Runs the tiny graph on the device of its first argument and tells its parent why it does not work; null where it does. */
async function trial(device: string): Promise<string | null> {
  const session = await InferenceSession.create(tinyGraph(), {
    executionProviders: [device],
    // Otherwise the runtime gives nodes that a provider refuses to the processor, and says nothing.
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

const reason = await trial(process.argv[2]!).catch(errorMessage);
process.send?.(reason, () => process.exit());
