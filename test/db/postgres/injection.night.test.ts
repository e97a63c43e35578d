import { onPostgres } from '../places.js';

await onPostgres(() => import('../injection.test.js'));
