import { onPostgres } from '../places.js';

await onPostgres(() => import('../figures.test.js'));
