import { onPostgres } from '../places.js';

await onPostgres(() => import('../large-lists.test.js'));
