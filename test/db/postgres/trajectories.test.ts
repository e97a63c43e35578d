import { onPostgres } from '../places.js';

await onPostgres(() => import('../trajectories.test.js'));
