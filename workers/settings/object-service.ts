import { objectsPlace } from '../../db/objects/place.js';
import type { ObjectsPlace, S3Service } from '../../db/objects/place.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { httpUrl } from '../../common/path-text.js';
import type { Variables } from './variables.js';

export function readObjectsPlace(
  text: string | undefined,
  variables: Variables,
  problems: string[],
): ObjectsPlace | null {
  if (text === undefined) return null;
  try {
    return placeOfObjects(text, variables);
  } catch (error) {
    problems.push(`PANIC_TDA_OBJECTS: ${errorMessage(error)}.`);
    return null;
  }
}

/** The place that `text` names, on the S3 service of the environment. Throws InvalidInput. */
export function placeOfObjects(text: string, variables: Variables = process.env): ObjectsPlace {
  return objectsPlace(text, () => s3Service(variables));
}

/**
 * The S3 service in the variables of AWS's own tools
 * (https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html). The SDK reads the credentials
 * itself, since it knows more places for them than variables.
 */
function s3Service(variables: Variables): S3Service {
  const set = (...names: readonly string[]): string | undefined =>
    names.map((name) => variables[name]?.trim()).find((text) => text !== undefined && text !== '');
  const ignored = set('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS')?.toLowerCase() === 'true';
  const endpoint = ignored ? undefined : set('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL');
  if (endpoint !== undefined) refuseBadEndpoint(endpoint);
  const style = set('PANIC_TDA_S3_PATH_STYLE') ?? (endpoint === undefined ? '0' : '1');
  if (style !== '0' && style !== '1') {
    throw new PanicError('InvalidInput', `PANIC_TDA_S3_PATH_STYLE is "${style}"; it can be 0 or 1`);
  }
  // A user's own S3 service rarely has regions, and the SDK signs nothing without one.
  const region =
    set('AWS_REGION', 'AWS_DEFAULT_REGION') ?? (endpoint === undefined ? undefined : 'us-east-1');
  return { endpoint, region, pathStyle: style === '1' };
}

function refuseBadEndpoint(endpoint: string): void {
  const url = httpUrl(endpoint);
  if (url !== null && (url.username !== '' || url.password !== '')) {
    throw new PanicError(
      'InvalidInput',
      'AWS_ENDPOINT_URL_S3 holds a user or a password; they belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  if (url === null) {
    throw new PanicError(
      'InvalidInput',
      `AWS_ENDPOINT_URL_S3 is "${endpoint}"; it can be a URL such as https://s3.example.org`,
    );
  }
}

/**
 * Silences nine lines in which the AWS SDK asks for a newer Node in its later releases. Our version of the
 * SDK is pinned, and runs on our Node.
 */
export function quietAwsSdk(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}
