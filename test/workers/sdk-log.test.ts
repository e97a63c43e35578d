import { expect, test } from '@jest/globals';
import type { LogEntry } from '@temporalio/worker';
import { sdkLog } from '../../workers/sdk-log.js';

const MINUTE = 60_000;

function failed(run: number, error: Error, attempt = 1): LogEntry {
  const meta = {
    activityType: 'advanceRun',
    workflowId: `run-abc-${run}`,
    attempt,
    taskToken: 'long',
    error,
  };
  return { level: 'WARN', timestampNanos: 0n, message: 'Activity failed', meta };
}

function away(port: number): Error {
  const message = `the database d on 127.0.0.1:${port} cannot be reached now`;
  return Object.assign(new Error(message), { type: 'StoreUnavailable' });
}

test('an outage of an hour is a line every ten minutes, whatever the number of runs, and says how many were left out', () => {
  let now = 0;
  const lines: string[] = [];
  const log = sdkLog(
    (line) => lines.push(line),
    () => now,
  );
  for (; now < 60 * MINUTE; now += MINUTE) {
    for (let run = 0; run < 300; run++) log.write(failed(run, away(5432), now / MINUTE));
  }
  log.close();
  expect(lines).toHaveLength(7);
  expect(lines[0]).toMatch(/ WARN Activity failed .*"workflowId":"run-abc-0".*cannot be reached now/);
  expect(lines[1]).toMatch(/\(and 2999 more like it since 1970-01-01T00:00:00.000Z\)$/);
  expect(lines[6]).toMatch(/ 2999 more lines like those above were left out$/);
  expect(lines.join()).not.toContain('taskToken');
});

test('another failure is written at once; work that a stopping worker hands back is not', () => {
  const lines: string[] = [];
  const log = sdkLog((line) => lines.push(line));
  log.write(failed(1, away(5432)));
  log.write(failed(2, Object.assign(new Error('no room'), { type: 'DeviceError' })));
  log.write(failed(3, Object.assign(new Error('the worker is shutting down'), { type: 'WorkerShutdown' })));
  log.close();
  expect(lines).toEqual([expect.stringMatching(/cannot be reached now/), expect.stringMatching(/no room/)]);
});

test('only a limited number of kinds of lines is remembered', () => {
  const lines: string[] = [];
  const log = sdkLog((line) => lines.push(line));
  const kinds = 'abcdefghij'.split('');
  for (const one of kinds)
    for (const two of kinds)
      for (const three of kinds) {
        log.write(failed(1, new Error(`kind ${one}-x${two}-y${three}`)));
      }
  log.write(failed(1, new Error('kind a-xa-ya')));
  // 1,000 kinds, and the first one again.
  expect(lines).toHaveLength(1001);
});
