import { fullRange } from '../../support/range.js';

await fullRange(() => import('./walks.test.js'));
