import { onPostgres } from '../places.js';

await onPostgres(() => import('../deletion.test.js'));
