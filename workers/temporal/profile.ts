import {
  loadClientConfigProfile,
  toClientOptions,
  type ClientConfigProfile,
  type ClientConnectConfig,
} from '@temporalio/envconfig';
import { readFileSync } from 'node:fs';
import { errorMessage, PanicError } from '../../common/errors.js';
import { isAbsence, accessFailure } from '../../common/presence.js';
import { keepSecrets, type Secret } from '../../common/secrets.js';

/**
 * The profile of Temporal's environment configuration
 * (https://docs.temporal.io/develop/environment-configuration). Throws PanicError `InvalidInput` before
 * anything starts, since the errors of Temporal's reader name neither the variable nor a remedy.
 */
export function temporalProfile(variables: Record<string, string>): ClientConfigProfile {
  const profile = readProfile(variables);
  keepSecrets(secretsOfProfile(profile));
  refuseBadAddress(profile);
  return profile;
}

/** Includes the secrets that a file contains. */
function secretsOfProfile({ apiKey, grpcMeta = {} }: ClientConfigProfile): Secret[] {
  const headers = Object.entries(grpcMeta).filter(([name]) => /auth|token|key|secret/i.test(name));
  return [
    { name: 'API key of the Temporal profile', value: apiKey ?? '' },
    ...headers.map(([name, value]) => ({
      name: `${name} of the Temporal profile`,
      value: value.replace(/^(?:bearer|basic)\s+/i, ''),
    })),
  ];
}

/**
 * How to connect with a profile. Throws PanicError `InvalidInput` if a file of its TLS is missing, or only
 * one of certificate and key is given.
 */
export function connectConfig(profile: ClientConfigProfile): ClientConnectConfig {
  refuseBadCertificates(profile);
  return toClientOptions(profile);
}

function readProfile(variables: Record<string, string>): ClientConfigProfile {
  try {
    return loadClientConfigProfile({ overrideEnvVars: variables });
  } catch (error) {
    const file = variables['TEMPORAL_CONFIG_FILE'];
    throw new PanicError(
      'InvalidInput',
      `the configuration of the Temporal service cannot be used: ${errorMessage(error)}; look at the variables TEMPORAL_…, and at ` +
        (file === undefined ? 'its file temporal.toml, if there is one' : `${file} (TEMPORAL_CONFIG_FILE)`),
      { cause: error },
    );
  }
}

const ADDRESS = /^(?:\[[0-9a-f:.]+\]|[^\s:/@?#[\]]+)(?::(?<port>\d{1,5}))?$/i;
const LAST_PORT = 65_535;

/** For an address of another form, a client would report a machine that does not answer. */
function refuseBadAddress({ address, namespace }: ClientConfigProfile): void {
  if (address !== undefined && !isAddress(address)) {
    throw new PanicError(
      'InvalidInput',
      `the address of the Temporal service is "${address}" (TEMPORAL_ADDRESS, or a profile); it can be HOST:PORT, such as ` +
        `127.0.0.1:7233, with a port of 1 to ${LAST_PORT}`,
    );
  }
  if (namespace !== undefined && (namespace === '' || /\s/.test(namespace))) {
    throw new PanicError(
      'InvalidInput',
      `the namespace of the Temporal service is "${namespace}" (TEMPORAL_NAMESPACE, or a profile); white space is no part of a namespace`,
    );
  }
}

function isAddress(address: string): boolean {
  const match = ADDRESS.exec(address);
  if (match === null) return false;
  const port = match.groups?.['port'];
  return port === undefined || (Number(port) >= 1 && Number(port) <= LAST_PORT);
}

/** A client ignores a certificate without its key, or the reverse, and then fails at the service. */
function refuseBadCertificates({ tls }: ClientConfigProfile): void {
  if (tls === undefined || tls.disabled === true) return;
  const { clientCert, clientKey, serverCACert } = tls;
  requireFile(serverCACert, 'SERVER_CA_CERT');
  requireFile(clientCert, 'CLIENT_CERT');
  requireFile(clientKey, 'CLIENT_KEY');
  if ((clientCert === undefined) === (clientKey === undefined)) return;
  const [given, missing] = clientKey === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
  throw new PanicError(
    'InvalidInput',
    `TEMPORAL_TLS_CLIENT_${given}_PATH (or _DATA, or a profile) is set, and TEMPORAL_TLS_CLIENT_${missing}_PATH is not: the ` +
      'Temporal service is shown both or neither',
  );
}

type Source = NonNullable<ClientConfigProfile['tls']>['serverCACert'];

function requireFile(source: Source, name: string): void {
  if (source === undefined || !('path' in source)) return;
  try {
    readFileSync(source.path);
  } catch (error) {
    const why = isAbsence(error)
      ? `${source.path} is not there`
      : accessFailure(error, source.path, 'read').message;
    throw new PanicError(
      'InvalidInput',
      `TEMPORAL_TLS_${name}_PATH (or a profile) names a file that cannot be used: ${why}; correct the path`,
      { cause: error },
    );
  }
}
