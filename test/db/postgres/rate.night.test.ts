import { onPostgres } from '../places.js';

await onPostgres(() => import('../rate.test.js'));
