import { fullRange } from '../support/range.js';

await fullRange(() => import('./bundle.test.js'));
