import Sequencer from '@jest/test-sequencer';

/** By name, so that the suite which does not end by itself comes last. */
export default class ByName extends Sequencer {
  sort(tests) {
    return [...tests].sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}
