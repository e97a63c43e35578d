import { TestEnvironment } from 'jest-environment-node';

/** onnxruntime's native code makes and asks for arrays of the realm that Node started with; a test has a realm of its own. */
export default class NativeArraysEnvironment extends TestEnvironment {
  constructor(...args) {
    super(...args);
    Object.assign(this.global, { BigInt64Array, Float32Array, Int32Array, Uint16Array });
  }
}
