/** What a value of Temporal's dynamic configuration may be here. */
export type SettingValue = number | boolean | string | readonly string[];

/** A setting of Temporal's dynamic configuration by which our work goes well, and the reason, as a sentence. */
export interface ServiceSetting {
  readonly key: string;
  /** On one machine: of the server that `run` starts, and of `temporal server start-dev` as docs/service.md has it. */
  readonly oneMachine: SettingValue;
  /** Of a server for several machines, as compose/temporal-dynamic-config.yaml has it. Null: its own default is right there. */
  readonly production: SettingValue | null;
  readonly why: string;
}

/** Matches no Host header, which has no space in it: nothing of ours asks the HTTP API, and a page could start and end workflows there. */
const NO_HOST = 'no host';

/** Of which `doctor` can see something. */
export const POLL_RATE = 'history.transferProcessorMaxPollRPS';
export const FAIRNESS = 'matching.enableFairness';

/** The one list of them. The tests hold the compose file and docs/service.md to it. */
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
    // More than the workflows that are open at once, as in a worker's cache of them.
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

/** As `--dynamic-config-value` of `temporal server start-dev` takes them: KEY=VALUE, the value as JSON. */
export const startDevSettings: readonly string[] = SERVICE_SETTINGS.map(
  ({ key, oneMachine }) => `${key}=${JSON.stringify(oneMachine)}`,
);

/** As a file of dynamic configuration has the settings that every service needs: a line each, by key. */
export const yamlLines: ReadonlyMap<string, string> = new Map(
  SERVICE_SETTINGS.flatMap(({ key, production }) =>
    production === null ? [] : [[key, `${key}: [{ value: ${JSON.stringify(production)} }]`] as const],
  ),
);

/** For how long ended workflows should stay visible: that of the server of `run`. */
export const RETENTION_DAYS = 30;
/** The same, as the Temporal CLI takes it. */
export const RETENTION = `${RETENTION_DAYS * 24}h`;

/** The version of the server that the tests and docker-compose.yml have. */
export const TRIED_SERVER = '1.32.0';
/** Before it a server has no fairness, and takes the setting for it without a word (common/dynamicconfig/constants.go of v1.28 and v1.29). */
export const FAIRNESS_SINCE = '1.29.0';
/** Before it a server does not tell which workflows wait for other code (the same file, and sadefs/constants.go, of v1.29 and v1.30). */
export const REPORTED_PROBLEMS_SINCE = '1.30.0';
