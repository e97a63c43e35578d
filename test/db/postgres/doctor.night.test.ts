import { fullRange } from '../../support/range.js';
import { onPostgres } from '../places.js';

await fullRange(() => onPostgres(() => import('../doctor.test.js')));
