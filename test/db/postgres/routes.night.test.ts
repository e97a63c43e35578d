import { onPostgres } from '../places.js';

await onPostgres(() => import('../routes.test.js'));
