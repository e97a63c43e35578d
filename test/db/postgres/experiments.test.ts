import { onPostgres } from '../places.js';

await onPostgres(() => import('../experiments.test.js'));
