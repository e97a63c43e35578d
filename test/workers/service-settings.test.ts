import { expect, test } from '@jest/globals';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { NEEDED_CALLS, refusedCalls } from '../../workers/temporal/rights.js';
import { searchAttributes } from '../../workers/temporal/search-attributes.js';
import { versionRemark } from '../../workers/temporal/server-version.js';
import {
  RETENTION,
  SERVICE_SETTINGS,
  startDevSettings,
  TRIED_SERVER,
  yamlLines,
} from '../../workers/temporal/service-settings.js';
import { serverArguments } from '../../workers/temporal/server.js';
import { pausesIn, showSlowPolls } from '../../workers/temporal/task-pauses.js';
import { documentedCommands, valuesOf } from '../support/documented-commands.js';
import { documentPages } from '../support/pages.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

const { WorkflowService } = proto.temporal.api.workflowservice.v1;

function read(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
}

const page = read('docs/service.md');

/** Rows of the table of the page whose first heading is `head`, without the backquotes of cells. */
function rowsBelow(head: string): string[][] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} `));
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
  );
}

const inProduction = SERVICE_SETTINGS.flatMap(({ key, production }) =>
  production === null ? [] : [[key, [{ value: production }]] as const],
);

test('the compose file has the settings of a production server, and the lines that doctor shows are the same', () => {
  expect(parse(read('compose/temporal-dynamic-config.yaml'))).toEqual(Object.fromEntries(inProduction));
  expect(parse([...yamlLines.values()].join('\n'))).toEqual(Object.fromEntries(inProduction));
});

test('docs/service.md has each setting, with its values and its reason', () => {
  expect(rowsBelow('setting')).toEqual(
    SERVICE_SETTINGS.map(({ key, oneMachine, production, why }) => [
      key,
      JSON.stringify(oneMachine),
      production === null ? 'its default' : JSON.stringify(production),
      why,
    ]),
  );
});

/** The commands of a page that start a server and set its retention. */
function serverCommands(page: string): string[][] {
  return documentedCommands(page).filter(
    (words) => valuesOf(words, 'namespace').length > 0 && /start-dev|namespace update/.test(words.join(' ')),
  );
}

test('only docs/service.md has the commands for a server and its retention', () => {
  expect(serverCommands('docs/service.md')).toHaveLength(2);
  const others = documentPages()
    .map(({ file }) => file)
    .filter((file) => file !== 'docs/service.md');
  expect(others.filter((file) => serverCommands(file).length > 0)).toEqual([]);
});

test('the documented command has the settings, pragmas and search attributes of the server of run', () => {
  const [documented = []] = documentedCommands('docs/service.md').filter((words) => words[2] === 'start-dev');
  const own = serverArguments('', { port: 0, httpPort: 0, metricsPort: 0, ui: null }, []);
  for (const name of ['dynamic-config-value', 'sqlite-pragma', 'search-attribute', 'ip'])
    expect(valuesOf(documented, name)).toEqual(valuesOf(own, name));
  expect(valuesOf(own, 'dynamic-config-value')).toEqual(startDevSettings);
  expect(startDevSettings).toHaveLength(SERVICE_SETTINGS.length);
});

test('the documented operator commands have our retention and search attributes', () => {
  const operator = documentedCommands('docs/service.md').filter((words) => words[1] === 'operator');
  const retentions = operator.filter((words) => words[2] === 'namespace');
  expect(retentions.map((words) => valuesOf(words, 'retention'))).toEqual([[RETENTION], [RETENTION]]);
  const [made = []] = operator.filter((words) => words[2] === 'search-attribute');
  expect(valuesOf(made, 'name')).toEqual(searchAttributes);
  expect(read('docker-compose.yml')).toContain(`RETENTION: ${RETENTION}`);
});

test('docs/service.md has each call that doctor tries, with its role', () => {
  expect(rowsBelow('call')).toEqual(NEEDED_CALLS.map(({ method, role, without }) => [method, role, without]));
});

test('the remark on a server that is older than that of docker-compose.yml says what it lacks', () => {
  expect(read('docker-compose.yml')).toContain(`image: temporalio/server:${TRIED_SERVER}@`);
  expect(page).toContain(`the tests go by Temporal ${TRIED_SERVER}.`);
  for (const version of [TRIED_SERVER, '1.32.1', '1.33.0', '2.0.0', '1.100.0', '1.32.0-162.1'])
    expect({ version, remark: versionRemark(version) }).toEqual({ version, remark: null });
  expect(versionRemark('1.31.2')).toMatch(
    /^the service is Temporal 1\.31\.2, which is older than .*1\.32\.0\);/,
  );
  expect(versionRemark('1.29.1')).toContain('does not tell which workflows wait for other code');
  expect(versionRemark('1.28.3')).toContain('has no fairness');
  expect(versionRemark('main')).toContain('the version "main"');
});

/** A service all of whose methods answer with this status. */
function answering(code: number) {
  const error = Object.assign(new Error('so says the test'), { code, details: 'so says the test' });
  return WorkflowService.create((_method, _request, answer) => answer(error));
}

test('a call is allowed if the service looked at it, refused if the service says so, and unknown otherwise', async () => {
  for (const code of [3, 5, 9]) expect(await refusedCalls(answering(code), 'any')).toBeNull();
  for (const code of [7, 12])
    expect((await refusedCalls(answering(code), 'any'))?.calls).toHaveLength(NEEDED_CALLS.length);
  for (const code of [4, 13, 14, 16])
    await expect(refusedCalls(answering(code), 'any')).rejects.toThrow('so says the test');
});

/** As protobuf represents it: the type of its seconds. */
function long(value: number) {
  return msToTs(value * 1000).seconds!;
}

test('pauses are the times from a task to its start, and from a workflow task to the activity that it asked for', () => {
  const events = [
    { eventId: long(2), eventTime: msToTs(1000) },
    {
      eventId: long(3),
      eventTime: msToTs(1004),
      workflowTaskStartedEventAttributes: { scheduledEventId: long(2) },
    },
    {
      eventId: long(4),
      eventTime: msToTs(1010),
      workflowTaskCompletedEventAttributes: { startedEventId: long(3) },
    },
    {
      eventId: long(5),
      eventTime: msToTs(1011),
      activityTaskScheduledEventAttributes: { workflowTaskCompletedEventId: long(4) },
    },
    {
      eventId: long(6),
      eventTime: msToTs(1054),
      activityTaskStartedEventAttributes: { scheduledEventId: long(5), attempt: 1 },
    },
  ];
  expect(pausesIn(events)).toEqual({ waits: [4, 43], steps: [50] });
  expect(pausesIn(events.toReversed())).toEqual({ waits: [43, 4], steps: [50] });
  const again = { scheduledEventId: long(5), attempt: 2 };
  expect(
    pausesIn([...events.slice(0, 4), { ...events[4], activityTaskStartedEventAttributes: again }]),
  ).toEqual({
    waits: [4],
    steps: [],
  });
  // The earlier events are on another page of the history.
  expect(pausesIn(events.slice(3))).toEqual({ waits: [43], steps: [] });
});

const Pauses = z.record(z.string(), z.array(z.number()));
const steps = readJson(
  read('test/fixtures/task-pauses/steps.json'),
  z.object({ without: Pauses, hidden: Pauses, with: Pauses }),
);

// Measured with the Temporal CLI 1.9.1: times between tasks of runs of 40 steps, in ms.
test.each(Object.entries(steps.without))(
  'pauses of a server without the poll rate show it: %s',
  (_how, ms) => {
    expect(showSlowPolls({ steps: ms })).toBe(true);
    // Fewer values prove nothing.
    expect(showSlowPolls({ steps: ms.slice(0, 19) })).toBe(false);
  },
);

test.each([...Object.entries(steps.with), ...Object.entries(steps.hidden)])(
  'pauses that do not show it give no warning: %s',
  (_how, ms) => {
    expect(ms.length).toBeGreaterThanOrEqual(20);
    expect(showSlowPolls({ steps: ms })).toBe(false);
  },
);
