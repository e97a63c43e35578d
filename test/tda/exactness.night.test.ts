import { fullRange } from '../support/range.js';

await fullRange(() => import('./exactness.test.js'));
