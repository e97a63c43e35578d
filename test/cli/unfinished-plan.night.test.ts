import { fullRange } from '../support/range.js';

await fullRange(() => import('./unfinished-plan.test.js'));
