import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { Namespace } from './service-problems.js';
import { RETENTION, RETENTION_DAYS } from './service-settings.js';

const { NAMESPACE_STATE_DEPRECATED, NAMESPACE_STATE_DELETED } = proto.temporal.api.enums.v1.NamespaceState;

const HOUR_MS = 3_600_000;

/** For how long the namespace keeps an ended workflow; null if the service does not say. */
export function retentionMs({ config }: Namespace): number | null {
  return optionalTsToMs(config?.workflowExecutionRetentionTtl ?? undefined) ?? null;
}

/** A sentence without its full stop if that time is too short; null otherwise. */
export function retentionRemark(namespace: string, described: Namespace): string | null {
  const ms = retentionMs(described);
  if (ms === null || ms >= RETENTION_DAYS * 24 * HOUR_MS) return null;
  return (
    `the namespace "${namespace}" forgets a workflow ${durationText(ms)} after its end, and not after ${RETENTION_DAYS} days: no row is lost, ` +
    'but what happened in it can no longer be looked at in the web UI or by "temporal workflow show", also while its experiment goes on; ' +
    `an operator sets it with "temporal operator namespace update --namespace ${namespace} --retention ${RETENTION}"`
  );
}

/** A sentence without its full stop if the namespace takes no new workflows; null otherwise. */
export function stateRemark(namespace: string, { namespaceInfo }: Namespace): string | null {
  const state = stateText(namespaceInfo?.state);
  if (state === null) return null;
  return (
    `the namespace "${namespace}" is ${state}: it goes on with the workflows that it has, and takes no new ones; ` +
    `an operator makes another with "temporal operator namespace create --namespace NAME --retention ${RETENTION}", which TEMPORAL_NAMESPACE has to name`
  );
}

/** Each of these remarks that applies. */
export function namespaceRemarks(namespace: string, described: Namespace): string[] {
  return [stateRemark(namespace, described), retentionRemark(namespace, described)].filter(
    (remark) => remark !== null,
  );
}

function stateText(state: number | null | undefined): string | null {
  if (state === NAMESPACE_STATE_DEPRECATED) return 'deprecated';
  return state === NAMESPACE_STATE_DELETED ? 'being deleted' : null;
}

export function durationText(ms: number): string {
  const hours = ms / HOUR_MS;
  if (hours >= 24) return counted(Math.round((hours / 24) * 10) / 10, 'day');
  return counted(Math.round(hours * 10) / 10, 'hour');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
