import { jest } from '@jest/globals';
import { testKillPoints } from './kill-points.js';

jest.setTimeout(300_000);

testKillPoints('night');
