import type { ClientConnectConfig } from '@temporalio/envconfig';
import { assertNever } from '../../common/errors.js';
import { fairnessOf } from '../../workers/temporal/fairness.js';
import {
  durationText,
  retentionMs,
  retentionRemark,
  stateRemark,
} from '../../workers/temporal/namespace-remarks.js';
import { type Refused, refusedCalls, refusedText } from '../../workers/temporal/rights.js';
import { isComparable, versionRemark } from '../../workers/temporal/server-version.js';
import { grpcStatus, isHidden, type Namespace } from '../../workers/temporal/service-problems.js';
import { FAIRNESS, POLL_RATE, yamlLines } from '../../workers/temporal/service-settings.js';
import { median, showSlowPolls, taskPauses } from '../../workers/temporal/task-pauses.js';
import type { Session } from '../session/connection.js';
import { type Finding, info, ok, problem, warning } from './finding.js';

type ConnectionOptions = ClientConnectConfig['connectionOptions'];

/** Limit for all calls together. */
const ANSWER_WITHIN_MS = 15_000;

/**
 * Checks how a configured service is set up, and changes nothing there. Returns the calls that the service
 * refuses this process.
 */
export async function* checkSetUp(
  session: Session,
  options: ConnectionOptions,
): AsyncGenerator<Finding, Refused | null> {
  const { client, address } = session;
  const { namespace } = client.options;
  yield* checkVersion(session);
  const refused = await client.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () =>
    refusedCalls(client.workflowService, namespace),
  );
  if (refused === null)
    yield ok(`it lets this process do what commands and workers do in the namespace "${namespace}"`);
  else yield* refusals(refused, address, namespace);
  yield* checkNamespace(session);
  yield* checkFairness(options, namespace);
  yield* checkConfiguration(session);
  return refused;
}

function* refusals(refused: Refused, address: string, namespace: string): Generator<Finding> {
  for (const only of ['work', 'shown'] as const) {
    const calls = refused.calls.filter((call) => call.only === only);
    if (calls.length === 0) continue;
    const text = refusedText(address, namespace, { ...refused, calls });
    yield only === 'work' ? problem(text) : warning(text);
  }
}

async function* checkVersion({ client }: Session): AsyncGenerator<Finding> {
  const { serverVersion } = await client.workflowService.getSystemInfo({});
  const remark = versionRemark(serverVersion);
  if (remark === null) yield ok(`the service is Temporal ${serverVersion}`);
  else yield isComparable(serverVersion) ? warning(remark) : info(remark);
}

async function* checkNamespace({ client }: Session): AsyncGenerator<Finding> {
  const { namespace } = client.options;
  try {
    const described = await client.workflowService.describeNamespace({ namespace });
    const state = stateRemark(namespace, described);
    if (state !== null) yield problem(state);
    yield retention(namespace, described);
  } catch (error) {
    if (!isHidden(error)) throw error;
    yield info(
      `for how long the namespace "${namespace}" keeps ended workflows cannot be seen (${grpcStatus(error)?.details ?? ''})`,
    );
  }
}

function retention(namespace: string, described: Namespace): Finding {
  const ms = retentionMs(described);
  if (ms === null)
    return info(`the service does not say for how long the namespace "${namespace}" keeps ended workflows`);
  const remark = retentionRemark(namespace, described);
  return remark === null
    ? ok(`the namespace "${namespace}" keeps ended workflows for ${durationText(ms)}`)
    : warning(remark);
}

async function* checkFairness(options: ConnectionOptions, namespace: string): AsyncGenerator<Finding> {
  const found = await fairnessOf(options, namespace);
  switch (found.kind) {
    case 'on':
      yield ok('experiments take turns at the workers (fairness)');
      break;
    case 'off':
      yield warning(
        'the service has no fairness: of experiments that share the workers the one with more open runs gets more; ' +
          `its operator adds the line "${yamlLines.get(FAIRNESS)}" to its dynamic configuration`,
      );
      break;
    case 'unseen':
      yield info(
        `whether experiments take turns (fairness) is seen when the first tasks have waited; its operator looks for "${yamlLines.get(FAIRNESS)}" in its dynamic configuration`,
      );
      break;
    case 'hidden':
      yield info(
        `whether experiments take turns (fairness) cannot be seen, since the service keeps it to itself (${found.why}); its operator looks for ` +
          `"${yamlLines.get(FAIRNESS)}" in its dynamic configuration (Temporal Cloud: docs/service.md)`,
      );
      break;
    case 'unanswered':
      yield info(
        `whether experiments take turns (fairness) could not be asked (${found.why}); its operator looks for ` +
          `"${yamlLines.get(FAIRNESS)}" in its dynamic configuration`,
      );
      break;
    default:
      assertNever(found);
  }
}

/** No call reads a dynamic configuration, but histories may show what it lacks. */
async function* checkConfiguration({ client }: Session): AsyncGenerator<Finding> {
  const pauses = await taskPauses(client).catch((error: unknown) => {
    if (isHidden(error)) return { waits: [], steps: [] };
    throw error;
  });
  const slow = showSlowPolls(pauses);
  if (slow) {
    yield warning(
      `tasks of runs begin 50 ms apart, as on a server that looks 20 times a second whether there are any: half of them then wait ${SLOW_MS} ms and not ${QUICK_MS}; ` +
        `its operator adds the line "${yamlLines.get(POLL_RATE)}" to its dynamic configuration`,
    );
  }
  const lines = [...yamlLines].filter(([key]) => key !== FAIRNESS && !(slow && key === POLL_RATE));
  yield info(
    [
      'its dynamic configuration cannot be read; its operator sees to it that these lines are in it (docs/service.md says why):',
      ...lines.map(([, line]) => line),
      ...(slow ? [] : waitsText(pauses.waits)),
    ].join('\n'),
  );
}

/**
 * Measured on an idle machine with runs of quick steps, one at a time, with the setting and without it
 * (docs/service.md).
 */
const QUICK_MS = 3;
const SLOW_MS = 37;

function waitsText(waits: readonly number[]): string[] {
  const half = median(waits);
  if (half === null) return [];
  return [
    `half of the last ${waits.length} tasks of runs waited longer than ${half.toFixed(1)} ms for a worker; measured with quick steps on an idle machine it is ` +
      `${QUICK_MS} ms with ${POLL_RATE}, and up to ${SLOW_MS} ms without`,
  ];
}
