import { onPostgres } from '../places.js';

await onPostgres(() => import('../content.test.js'));
