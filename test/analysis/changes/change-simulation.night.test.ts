import { fullRange } from '../../support/range.js';

await fullRange(() => import('./change-simulation.test.js'));
