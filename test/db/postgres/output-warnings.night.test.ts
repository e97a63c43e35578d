import { onPostgres } from '../places.js';

await onPostgres(() => import('../output-warnings.test.js'));
