import { onPostgres } from '../places.js';

await onPostgres(() => import('../prompt-vectors.test.js'));
