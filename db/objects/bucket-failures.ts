import { errorCode } from '../../common/error-code.js';
import { errorMessage, isPanicError, PanicError, StoreRefusal } from '../../common/errors.js';
import type { BucketPlace } from './place.js';
import { excerptOf } from '../../common/text.js';

/** Statuses below 500 that mean "not now". The answer to a HEAD has no body, and so no code. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 409, 423, 425, 429]);

/**
 * Codes of answers below 500 for failures that pass by themselves, or as soon as an operator renews something
 * that has expired.
 */
const PASSING: ReadonlySet<string> = new Set([
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'RequestExpired',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'ExpiredToken',
  'ExpiredTokenException',
  // The bytes changed on their way: the service kept nothing.
  'BadDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** A conflict that stays: the object is archived, or locked against changes. */
const LASTING_CONFLICTS: ReadonlySet<string> = new Set(['InvalidBucketState', 'InvalidObjectState']);

/**
 * Codes of a bucket or a service that has no room left. Services answer them with 400, 403, 413 or 507 (Ceph
 * `QuotaExceeded`, MinIO `XMinioAdminBucketQuotaExceeded` and `XMinioStorageFull`). Like a full disk, the
 * failure passes as soon as an operator makes room.
 */
const NO_ROOM = /quota|storage_?full|disk_?full|insufficient_?(storage|capacity)|(storage_?)?cap_?exceeded/i;

/**
 * Turns an error of the SDK into an error of ours: `StoreUnavailable` for a failure that may pass (network,
 * time-outs, 5xx, throttling, conflicts with another request, an exhausted quota, expired sessions),
 * `InvalidInput` for a request that the service or the configuration refuses. Other errors are bugs, and come
 * back unchanged. The message keeps the service's own words; none of them hold secrets.
 */
export function s3Failure(error: unknown, place: BucketPlace, doing: string): unknown {
  if (isPanicError(error)) return error;
  const name = nameOf(error);
  const status = statusOf(error);
  const said = wordsOf(error, name, status);
  const service = serviceOf(place);
  if (status === undefined) {
    if (name === 'CredentialsProviderError') {
      return new PanicError('StoreUnavailable', `${service} cannot be asked: ${said}. ${CREDENTIALS}`, {
        cause: error,
      });
    }
    // The SDK throws a plain Error if it knows no region (runtimeConfig.js of each client).
    if (said.startsWith('Region is missing')) {
      return new PanicError(
        'InvalidInput',
        `${service} cannot be asked: no region is known. Set AWS_REGION.`,
        {
          cause: error,
        },
      );
    }
    if (!isNetworkFailure(error, name)) return error;
    return new PanicError('StoreUnavailable', `could not ${doing}: ${service} does not answer: ${said}`, {
      cause: error,
    });
  }
  if (isPassing(name, status)) {
    const room = NO_ROOM.test(name)
      ? `. There is no room left for the bucket "${place.bucket}": make some.`
      : '';
    return new PanicError('StoreUnavailable', `could not ${doing}: ${service} answered: ${said}${room}`, {
      cause: error,
    });
  }
  const message = `could not ${doing}: ${service} answered: ${said}${remedy(name, status, place)}`;
  return status === 401 || status === 403
    ? new StoreRefusal(message, { cause: error })
    : new PanicError('InvalidInput', message, { cause: error });
}

function isPassing(name: string, status: number): boolean {
  if (LASTING_CONFLICTS.has(name)) return false;
  return status >= 500 || PASSING_STATUSES.has(status) || PASSING.has(name) || NO_ROOM.test(name);
}

export const CREDENTIALS =
  'Give credentials in one of the ways of AWS: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE), or a role of the machine.';

/**
 * Whether the service says that there is no such key. The status does not decide it: some services answer 404
 * to credentials that they do not know.
 */
export function isMissing(error: unknown): boolean {
  return nameOf(error) === 'NoSuchKey';
}

/** Whether an error of `s3Failure` says that the SDK found no credentials. */
export function isWithoutCredentials(error: unknown): error is PanicError {
  return isPanicError(error) && nameOf(error.cause) === 'CredentialsProviderError';
}

/** HTTP status of an answer that the SDK has turned into an error; undefined if there was no answer. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

function serviceOf({ service: { endpoint, region } }: BucketPlace): string {
  if (endpoint !== undefined) return `the S3 service at ${endpoint}`;
  return region === undefined ? 'the S3 service' : `the S3 service of ${region}`;
}

function remedy(name: string, status: number, { bucket }: BucketPlace): string {
  if (name === 'NoSuchBucket') {
    return `. There is no bucket "${bucket}": create it, or name another in PANIC_TDA_OBJECTS.`;
  }
  if (/AccessKey|SignatureDoesNotMatch|UserNotFound/.test(name) || status === 401) {
    return `. The credentials are not those of the service. ${CREDENTIALS}`;
  }
  if (status === 403) {
    return `. The credentials need s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket for the bucket "${bucket}".`;
  }
  if (status >= 300 && status < 400) return '. The bucket may be in another region: set AWS_REGION.';
  return '';
}

function wordsOf(error: unknown, name: string, status: number | undefined): string {
  const words = excerptOf(errorMessage(error).trim().replace(/\.$/, ''), 300);
  const code = errorCode(error);
  if (status === undefined) return words === '' ? (code ?? name) : words;
  // The refusal of a HEAD has no body, and so no words.
  return words === '' || words === 'UnknownError'
    ? `status ${status}`
    : `${name}: ${words} (status ${status})`;
}

function nameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : '';
}

/**
 * Errors of Node's sockets and resolver have codes of the system. Node's own codes begin with ERR and mean a
 * fault of this program, except those of TLS.
 */
function isNetworkFailure(error: unknown, name: string): boolean {
  const code = errorCode(error);
  if (name === 'TimeoutError' || name === 'AbortError') return true;
  return (
    code !== undefined && (!code.startsWith('ERR_') || /^ERR_(TLS|SSL|STREAM_PREMATURE_CLOSE)/.test(code))
  );
}
