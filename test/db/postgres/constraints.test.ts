import { onPostgres } from '../places.js';

await onPostgres(() => import('../constraints.test.js'));
