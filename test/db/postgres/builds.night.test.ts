import { onPostgres } from '../places.js';

await onPostgres(() => import('../builds.test.js'));
