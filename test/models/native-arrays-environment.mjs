import MarkingEnvironment from '../support/environment.mjs';

/**
 * Gives a test the typed arrays of the realm with which Node started: onnxruntime's native code makes and expects those.
 * Jest otherwise gives each test a realm of its own.
 */
export default class NativeArraysEnvironment extends MarkingEnvironment {
  constructor(...args) {
    super(...args);
    Object.assign(this.global, { BigInt64Array, Float32Array, Int32Array, Uint16Array });
  }
}
