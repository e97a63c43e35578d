import config from './jest.config.js';

/** `npm run test:night`: the files that need too long for every commit (docs/internals/tests.md lists them). */
export default { ...config, testMatch: ['**/*.night.test.ts'], testPathIgnorePatterns: ['/node_modules/'] };
