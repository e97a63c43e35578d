import { fullRange } from '../support/range.js';

await fullRange(() => import('./large-documents.test.js'));
