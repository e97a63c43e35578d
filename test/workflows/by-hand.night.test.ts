import { fullRange } from '../support/range.js';

await fullRange(() => import('./by-hand.test.js'));
