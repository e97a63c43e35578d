import config from '../../../jest.config.js';

/** Runs the suites of this folder, which leave processes behind on purpose, as the others are run. */
export default {
  ...config,
  rootDir: '../../..',
  roots: ['<rootDir>/test/support/left-behind'],
  testMatch: ['**/*.suite.ts'],
  testSequencer: '<rootDir>/test/support/left-behind/sequencer.mjs',
  globals: { suiteNamespaces: 1 },
  maxWorkers: 1,
};
