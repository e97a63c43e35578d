import { onPostgres } from '../places.js';

await onPostgres(() => import('../run-statistics.test.js'));
