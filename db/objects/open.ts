import { createObjectBucket } from './bucket.js';
import { createObjectFolder } from './folder.js';
import type { ObjectStore } from './object-store.js';
import type { ObjectsPlace } from './place.js';

/** The objects of a place. This function touches, asks and loads nothing before the first use. */
export function openObjects(place: ObjectsPlace): ObjectStore {
  return place.kind === 's3' ? createObjectBucket(place) : createObjectFolder(place.path, place.within);
}
