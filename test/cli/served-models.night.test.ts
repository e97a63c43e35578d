import { fullRange } from '../support/range.js';

await fullRange(() => import('./served-models.test.js'));
