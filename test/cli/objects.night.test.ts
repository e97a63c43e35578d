import { fullRange } from '../support/range.js';

await fullRange(() => import('./objects.test.js'));
