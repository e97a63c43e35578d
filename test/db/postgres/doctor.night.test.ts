import { onPostgres } from '../places.js';

await onPostgres(() => import('../doctor.test.js'));
