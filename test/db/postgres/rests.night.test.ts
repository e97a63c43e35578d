import { onPostgres } from '../places.js';

await onPostgres(() => import('../rests.test.js'));
