import { onPostgres } from '../places.js';

await onPostgres(() => import('../merge.test.js'), 3);
