import { onPostgres } from '../places.js';

await onPostgres(() => import('../merged-columns.test.js'));
