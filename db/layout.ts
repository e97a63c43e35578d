/** Names within a data folder. Apart, so that whoever only needs a path does not load the database. */
export const DATABASE_FILE = 'panic-tda.sqlite';
export const OBJECTS_FOLDER = 'objects';
/** What the SQLite file is that no copy of it is (instance.ts). */
export const INSTANCE_FILE = 'panic-tda.instance.json';
/** Which models have a task queue of their own; the user's. */
export const ROUTES_FILE = 'routes.json';
