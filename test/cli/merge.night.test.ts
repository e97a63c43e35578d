import { fullRange } from '../support/range.js';

await fullRange(() => import('./merge.test.js'));
