import { afterAll, afterEach } from '@jest/globals';
import { cleanUp } from '../support/cli-process.js';
import { testUmask } from './closed-modes.js';

const umask = process.umask();
afterEach(() => void process.umask(umask));
afterAll(cleanUp);

testUmask(0o022);
testUmask(0o077);
