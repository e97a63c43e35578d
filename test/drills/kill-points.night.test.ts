import { testKillPoints } from './kill-points.js';

testKillPoints('night');
