import MarkingEnvironment from './environment.mjs';

/**
 * Gives a test the `Error` of Node's own realm. The AWS SDK checks errors of sockets with `instanceof Error`,
 * and a test has a realm of its own.
 */
export default class NativeErrorsEnvironment extends MarkingEnvironment {
  constructor(...args) {
    super(...args);
    Object.assign(this.global, { Error });
  }
}
