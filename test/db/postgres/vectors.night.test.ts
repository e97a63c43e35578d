import { onPostgres } from '../places.js';

await onPostgres(() => import('../vectors.test.js'));
