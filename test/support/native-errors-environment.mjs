import MarkingEnvironment from './environment.mjs';

/** The AWS SDK asks whether an error is an `Error`; those of sockets are of the realm that Node started with, a test has its own. */
export default class NativeErrorsEnvironment extends MarkingEnvironment {
  constructor(...args) {
    super(...args);
    Object.assign(this.global, { Error });
  }
}
