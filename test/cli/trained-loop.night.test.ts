import { fullRange } from '../support/range.js';

await fullRange(() => import('./trained-loop.test.js'));
