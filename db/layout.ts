/**
 * Names within a data folder. They have a file of their own, so that code that only needs a path does not
 * load the database.
 */
export const DATABASE_FILE = 'panic-tda.sqlite';
export const OBJECTS_FOLDER = 'objects';
/** The file that tells the SQLite file apart from its copies (instance.ts). */
export const INSTANCE_FILE = 'panic-tda.instance.json';
/** The user's file that says which models have a task queue of their own. */
export const ROUTES_FILE = 'routes.json';
