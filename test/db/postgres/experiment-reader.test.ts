import { onPostgres } from '../places.js';

await onPostgres(() => import('../experiment-reader.test.js'));
