/** The values that we use in Temporal's dynamic configuration. */
export type SettingValue = number | boolean | string | readonly string[];

/** A setting of Temporal's dynamic configuration that our work needs, and the reason, as a sentence. */
export interface ServiceSetting {
  readonly key: string;
  /**
   * On one machine: for the server that `run` starts, and for `temporal server start-dev` in docs/service.md.
   */
  readonly oneMachine: SettingValue;
  /**
   * For a server of several machines, as in compose/temporal-dynamic-config.yaml. Null: the server's default
   * is right.
   */
  readonly production: SettingValue | null;
  readonly why: string;
}

/**
 * Matches no Host header, since it contains a space. We do not use the HTTP API, and a page could start and
 * end workflows by it.
 */
const NO_HOST = 'no host';

/** `doctor` can see effects of these two. */
export const POLL_RATE = 'history.transferProcessorMaxPollRPS';
export const FAIRNESS = 'matching.enableFairness';

/** The only list of these settings. The tests compare the compose file and docs/service.md with it. */
export const SERVICE_SETTINGS: readonly ServiceSetting[] = [
  {
    key: POLL_RATE,
    oneMachine: 2000,
    production: 2000,
    why: 'A history shard is asked 20 times a second for new work by default, which costs each task of a run up to 50 ms.',
  },
  {
    key: FAIRNESS,
    oneMachine: true,
    production: true,
    why: 'Experiments that share the workers take turns; without it the one with more open runs gets more.',
  },
  {
    key: 'history.workflowTaskRetryMaxInterval',
    oneMachine: '20s',
    production: '20s',
    why: 'A workflow that waits for a worker with the code that it began with is tried again after half a minute at most, not after ten minutes.',
  },
  {
    key: 'system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute',
    oneMachine: 1,
    production: 1,
    why: 'Such a workflow can be found as soon as it waits, and not only when its task has failed five times.',
  },
  {
    key: 'frontend.httpAllowedHosts',
    oneMachine: [NO_HOST],
    production: [NO_HOST],
    why: 'The HTTP API, where it is on, answers nothing: JSON of any page could start and end workflows there.',
  },
  {
    key: 'history.hostLevelCacheMaxSize',
    // More than the number of workflows that are open at once, as in a worker's cache of them.
    oneMachine: 2000,
    production: 4000,
    why: 'The server remembers every workflow of the last hour, up to 128,000 by default, each of some 0.1 MiB.',
  },
  {
    key: 'matching.numTaskqueueReadPartitions',
    oneMachine: 1,
    production: null,
    why: 'Experiments take turns within each part of a queue, of which there are four by default; with one part the turns are exact.',
  },
  {
    key: 'matching.numTaskqueueWritePartitions',
    oneMachine: 1,
    production: null,
    why: 'Reading and writing have to agree on the number of parts.',
  },
];

/** For `--dynamic-config-value` of `temporal server start-dev`: KEY=VALUE, with the value as JSON. */
export const startDevSettings: readonly string[] = SERVICE_SETTINGS.map(
  ({ key, oneMachine }) => `${key}=${JSON.stringify(oneMachine)}`,
);

/** By key, the line of each setting in a file of dynamic configuration. */
export const yamlLines: ReadonlyMap<string, string> = new Map(
  SERVICE_SETTINGS.flatMap(({ key, production }) =>
    production === null ? [] : [[key, `${key}: [{ value: ${JSON.stringify(production)} }]`] as const],
  ),
);

/** For how long ended workflows should stay visible. The server of `run` has this value. */
export const RETENTION_DAYS = 30;
/** The same for the Temporal CLI. */
export const RETENTION = `${RETENTION_DAYS * 24}h`;

/** The version of the server in the tests and in docker-compose.yml. */
export const TRIED_SERVER = '1.32.0';
/**
 * An older server has no fairness, and accepts the setting for it without a warning
 * (common/dynamicconfig/constants.go of v1.28 and v1.29).
 */
export const FAIRNESS_SINCE = '1.29.0';
/**
 * An older server does not report which workflows wait for other code (the same file, and
 * sadefs/constants.go, of v1.29 and v1.30).
 */
export const REPORTED_PROBLEMS_SINCE = '1.30.0';
