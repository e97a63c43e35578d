import { TestEnvironment } from 'jest-environment-node';

const SHARED = ['ArrayBuffer', 'BigInt64Array', 'Float32Array', 'Int32Array', 'Uint16Array', 'Uint8Array'];

/**
 * Tests run in a realm of their own, whose typed arrays onnxruntime does not take for arrays. A test that runs graphs in its own process
 * asks for this environment in its first comment: it shares the arrays of the process.
 */
export default class NativeArrays extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const name of SHARED) this.global[name] = globalThis[name];
  }
}
