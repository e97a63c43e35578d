import { jest } from '@jest/globals';
import { testDisasters } from './embedded.js';

jest.setTimeout(300_000);

testDisasters('day');
