import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { pathProblem } from '../../common/path-text.js';
import { relativePathProblem } from '../../common/relative-path.js';

/** The place of objects. */
export type ObjectsPlace = FolderPlace | BucketPlace;

export interface FolderPlace {
  readonly kind: 'folder';
  /** Absolute path. */
  readonly path: string;
  /**
   * The data folder that contains it, if the user named no place. A link that leads out of that folder is
   * refused.
   */
  readonly within?: string;
}

export interface BucketPlace {
  readonly kind: 's3';
  readonly bucket: string;
  /** The beginning of every key, without slashes at its ends; '' for none. */
  readonly prefix: string;
  readonly service: S3Service;
}

/** The S3 service to ask. The AWS SDK itself finds the credentials, in the places that its users know. */
export interface S3Service {
  /** URL of a service that is not Amazon's; undefined leaves it to the SDK's own configuration. */
  readonly endpoint: string | undefined;
  /** Undefined leaves it to the SDK's own configuration. */
  readonly region: string | undefined;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle: boolean;
}

/** The place for people, who may look for it from another machine. */
export function placeText(place: ObjectsPlace): string {
  if (place.kind === 'folder') return `${place.path} on ${hostname()}`;
  const { bucket, prefix, service } = place;
  return `s3://${[bucket, prefix].filter((part) => part !== '').join('/')}${service.endpoint === undefined ? '' : ` at ${service.endpoint}`}`;
}

export const OBJECTS_PLACE_FORMAT = 's3://BUCKET, s3://BUCKET/PREFIX, or a folder';

/**
 * Reads `s3://bucket/prefix`, or the path of a folder (a relative one starts from the current folder). Calls
 * `service` only for a bucket. Throws InvalidInput, whose message begins with the text in quotation marks.
 */
export function objectsPlace(text: string, service: () => S3Service): ObjectsPlace {
  if (!text.startsWith('s3://')) {
    const problem = pathProblem(text);
    if (problem !== null || /^s3:|^s3\/\//i.test(text)) {
      throw new PanicError(
        'InvalidInput',
        `"${text}" is no place for objects${problem === null ? '' : `: it ${problem}`}; it can be ${OBJECTS_PLACE_FORMAT}`,
      );
    }
    return { kind: 'folder', path: resolve(text) };
  }
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and the characters that it calls safe in keys.
  const [, bucket, prefix = ''] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w!.*'()/-]*))?$/.exec(text) ?? [];
  const folder = prefix.replace(/\/$/, '');
  if (bucket === undefined || (prefix !== '' && relativePathProblem(folder) !== null)) {
    throw new PanicError(
      'InvalidInput',
      `"${text}" is no place for objects; it can be ${OBJECTS_PLACE_FORMAT}`,
    );
  }
  return { kind: 's3', bucket, prefix: folder, service: service() };
}
