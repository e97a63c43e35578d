import { createObjectBucket } from './bucket.js';
import { createObjectFolder } from './folder.js';
import type { ObjectStore } from './object-store.js';
import type { ObjectsPlace } from './place.js';

/** The objects of a place. Nothing is touched, asked or loaded before they are used. */
export function openObjects(place: ObjectsPlace): ObjectStore {
  return place.kind === 's3' ? createObjectBucket(place) : createObjectFolder(place.path, place.within);
}
