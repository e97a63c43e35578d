import { fullRange } from '../support/range.js';

await fullRange(() => import('./dynamics.test.js'));
