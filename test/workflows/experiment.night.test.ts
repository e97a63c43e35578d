import { fullRange } from '../support/range.js';

await fullRange(() => import('./experiment.test.js'));
