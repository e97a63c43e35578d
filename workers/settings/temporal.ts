import type { ClientConnectConfig } from '@temporalio/envconfig';
import { childEnvironment } from '../../common/child-environment.js';
import { usableCores } from '../../common/machine.js';
import { connectConfig, temporalProfile } from '../temporal/profile.js';
import type { Variables } from './variables.js';

/**
 * How to reach the Temporal service that the user configured with `TEMPORAL_ADDRESS` or with the profile of
 * Temporal's environment configuration (https://docs.temporal.io/develop/environment-configuration).
 * Undefined if no address is configured, which means the embedded server. Throws what `temporalProfile` and
 * `connectConfig` throw.
 */
export function configuredTemporal(variables: Variables = process.env): ClientConnectConfig | undefined {
  const profile = temporalProfile(givenOnly(variables));
  return profile.address ? connectConfig(profile) : undefined;
}

/**
 * The service that a worker polls: the configured one, or the one at `defaultAddress` with the rest of the
 * configuration.
 */
export function workerTemporal(
  defaultAddress: string,
  variables: Variables = process.env,
): ClientConnectConfig & { readonly namespace: string } {
  const profile = temporalProfile(givenOnly(variables));
  const { connectionOptions, namespace } = connectConfig({
    ...profile,
    address: profile.address ?? defaultAddress,
  });
  return { connectionOptions, namespace: namespace ?? 'default' };
}

/**
 * How long a worker's polls stay open after it began to stop. By default the Temporal SDK closes them at
 * once; the server then waits until the time-out for a task that it handed to such a poll at that moment.
 * Call this before making workers.
 */
export function keepPollsWhileStopping(ms: number): void {
  process.env['TEMPORAL_POLL_SHUTDOWN_INTERRUPT_WAIT_MS'] ??= String(ms);
}

/** The environment of the embedded server. A user's settings for Temporal clients must not configure it. */
export function temporalServerEnvironment(variables: Variables = process.env): Record<string, string> {
  return {
    // The server gets half of the cores, since the workers otherwise wait for its threads: measured on 2
    // cores, this gives a tenth more invocations a second. Fewer garbage collections take 50 MiB and save a
    // tenth of the server's time.
    GOMAXPROCS: String(Math.max(1, Math.floor(usableCores() / 2))),
    GOGC: '200',
    ...childEnvironment('server', {}, variables),
    // By default the server asks Temporal's site once a day for a newer version.
    TEMPORAL_VERSION_CHECK_DISABLED: '1',
  };
}

/**
 * An empty value counts as unset. Temporal's reader would take an empty API key for a key, and then require
 * TLS.
 */
function givenOnly(variables: Variables): Record<string, string> {
  return Object.fromEntries(Object.entries(definedOnly(variables)).filter(([, value]) => value !== ''));
}

function definedOnly(variables: Variables): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) defined[name] = value;
  return defined;
}
