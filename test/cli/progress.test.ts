import { expect, jest, test } from '@jest/globals';
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { OpenActivity } from '../../cli/session/open-activities.js';
import { isOutage, patiently } from '../../workers/patience.js';
import type { Outage } from '../../workers/patience.js';
import { progressDisplay } from '../../cli/terminal/progress.js';
import { surrogatesMade } from '../../cli/documents/surrogates-made.js';
import type { Standing } from '../../cli/terminal/progress.js';
import { standstillOf, standstillText } from '../../cli/session/standstill.js';
import { PanicError } from '../../common/errors.js';
import { configWithSurrogates, finishExperiment, temporaryStore } from '../support/small-experiment.js';

const NOW = 1_700_000_000_000;

const activity: OpenActivity = {
  run: 3,
  activity: 'diagramRun',
  attempt: 1,
  error: null,
  dueAt: null,
  heartbeat: {},
};

function told(...activities: readonly Partial<OpenActivity>[]): string | null {
  const found = standstillOf(
    activities.map((one) => ({ ...activity, ...one })),
    NOW,
  );
  return found === null ? null : standstillText(found, NOW);
}

test.each([
  [
    'a failed attempt, with its error and the time of the next',
    [
      {
        activity: 'advanceRun',
        attempt: 4,
        error: 'DeviceError: connect\nECONNREFUSED',
        dueAt: NOW + 15_400,
      },
    ],
    'waiting: run 3, model call: DeviceError: connect ECONNREFUSED, next try in 16 s',
  ],
  [
    'one that is tried again now',
    [{ attempt: 4, error: 'StoreUnavailable: away' }],
    'waiting: run 3, diagram: StoreUnavailable: away; try 4 is under way',
  ],
  [
    'a failure before all that goes well',
    [{ run: 1 }, { run: 2, error: 'Error: no', dueAt: NOW }],
    'waiting: run 2, diagram: Error: no, next try now',
  ],
  [
    'a diagram under way, and the surrogates after it',
    [{ heartbeat: { done: 455, of: 1000, surrogatesLeft: 12 } }],
    'at work: run 3, diagram, 45 % of its edges, 12 surrogates left',
  ],
  [
    'vectors under way',
    [{ activity: 'embedRun', heartbeat: { embedded: 64, step: 4000, of: 12_000 } }],
    'at work: run 3, vectors of steps up to 4,000 of 12,000',
  ],
  [
    'a step under way',
    [{ activity: 'advanceRun', heartbeat: { next: 7 } }],
    'at work: run 3, model call of step 7',
  ],
  ['the planning', [{ run: null, activity: 'planExperiment' }], 'at work: planning'],
  [
    'work that no worker takes',
    [{ dueAt: NOW - 12_000 }],
    'waiting: run 3, diagram: no worker has taken its work for 12 s',
  ],
  ['nothing of work that was handed out just now', [{ dueAt: NOW - 100 }], null],
])('a display that stands still says %s', (_, activities, text) => {
  expect(told(...activities)).toBe(text);
});

const standing: Standing = {
  progress: {
    runs: { pending: 0, running: 2, finished: 1, failed: 0, cancelled: 0 },
    invocations: 30,
    invocationsExpected: 60,
    invocationsHeld: 0,
    trajectoriesEnded: 1,
    diagrams: 1,
  },
  surrogates: 7,
  paused: false,
  awaySince: null,
  standstill: null,
};

/** A terminal of `columns`, and the text drawn on it. */
function terminal(columns: number) {
  let drawn = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      drawn += chunk.toString();
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY: true, columns, rows: 40 }), drawn: () => drawn };
}

function lastLines(drawn: string): string[] {
  return stripVTControlCharacters(drawn)
    .split('\n')
    .filter((line) => line !== '');
}

test('the display counts surrogates, and explains a wait on one line that ends with the time of the next try', () => {
  const { stream, drawn } = terminal(60);
  const display = progressDisplay({ silent: false, expected: { diagrams: 3, surrogates: 60 }, stream });
  const text = `run 0, model call: DeviceError: ${'no answer '.repeat(20)}`;
  display.show({ ...standing, standstill: { kind: 'waiting', text, nextTryAt: Date.now() + 600_000 } });
  display.done();
  const lines = lastLines(drawn());
  expect(lines.find((line) => line.startsWith('surrogates'))).toMatch(/ 7\/60/);
  const wait = lines.find((line) => line.startsWith('waiting: run 0'))!;
  expect(wait).toMatch(/…, next try in 10 min 0 s$/);
  expect(wait.length).toBeLessThanOrEqual(60);
});

function made(invocations: number, paused: boolean): Standing {
  return { ...standing, progress: { ...standing.progress, invocations }, paused };
}

test('a paused experiment has runs that have begun and no pace, and the time left afterwards counts no pause', () => {
  jest.useFakeTimers();
  try {
    const { stream, drawn } = terminal(200);
    const display = progressDisplay({ silent: false, expected: { diagrams: 3, surrogates: 0 }, stream });
    const show = (after: number, state: Standing): void => {
      jest.advanceTimersByTime(after);
      display.show(state);
    };
    const last = (what: string): string | undefined =>
      lastLines(drawn()).findLast((line) => line.startsWith(what));
    show(1000, made(10, false));
    show(1000, made(20, false));
    expect(last('invocations')).toMatch(/ 10\/s, at most 4 s left$/);
    show(1000, made(20, true));
    expect(last('runs')).toMatch(/paused, 2 begun$/);
    show(600_000, made(20, true));
    expect(last('invocations')).not.toMatch(/left/);
    show(1000, made(20, false));
    show(1000, { ...made(30, false), awaySince: 0 });
    show(8000, made(30, false));
    show(1000, made(40, false));
    expect(last('invocations')).toMatch(/ 10\/s, at most 2 s left$/);
    expect(last('runs')).toMatch(/2 running$/);
    display.done();
  } finally {
    jest.useRealTimers();
  }
});

test('the time left counts the invocations of runs that no user holds', () => {
  jest.useFakeTimers();
  try {
    const { stream, drawn } = terminal(200);
    const display = progressDisplay({ silent: false, expected: { diagrams: 3, surrogates: 0 }, stream });
    for (const invocations of [10, 20]) {
      jest.advanceTimersByTime(1000);
      const state = made(invocations, false);
      display.show({ ...state, progress: { ...state.progress, invocationsHeld: 30 } });
    }
    display.done();
    const shown = lastLines(drawn()).findLast((line) => line.startsWith('invocations'));
    expect(shown).toMatch(/ 10\/s, at most 1 s left$/);
  } finally {
    jest.useRealTimers();
  }
});

test('the count has the surrogates of finished runs and of runs under way', async () => {
  const temporary = temporaryStore();
  try {
    const { store } = temporary;
    const id = await finishExperiment(store, configWithSurrogates);
    const expected = 4 * 2 * 4;
    const progress = await store.summaries.progress(id);
    expect(await surrogatesMade(store, id, progress, expected)).toBe(expected);
    store.db.sqlite.exec(`update runs set status = 'running' where run_index = 0;
      delete from surrogates where kind = 'sphere' and surrogate_index = 1
        and diagram_id in (select id from diagrams where run_id = (select id from runs where run_index = 0))`);
    expect(await surrogatesMade(store, id, await store.summaries.progress(id), expected)).toBe(expected - 2);
    expect(await surrogatesMade(store, 'nobody', await store.summaries.progress('nobody'), expected)).toBe(0);
  } finally {
    await temporary.remove();
  }
});

const unavailable = Object.assign(new Error('14 UNAVAILABLE: read ECONNRESET'), { code: 14 });

test.each([
  ['a store that is away', new PanicError('StoreUnavailable', 'away'), true],
  ['a service that is away', unavailable, true],
  ['one that the client has wrapped', new Error('Failed to describe', { cause: unavailable }), true],
  [
    'a stream that broke',
    Object.assign(new Error('13 INTERNAL: Received RST_STREAM with code 2'), { code: 13 }),
    true,
  ],
  ['a locked file', Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' }), true],
  ['a refusal', Object.assign(new Error('7 PERMISSION_DENIED'), { code: 7 }), false],
  ['a wrong request', new PanicError('InvalidInput', 'no'), false],
  ['a conflict', new PanicError('StoreConflict', 'no'), false],
  ['a bug', new TypeError('x is undefined'), false],
  ['nothing', null, false],
])('%s is waited for, or not', (_, error, expected) => {
  expect(isOutage(error)).toBe(expected);
});

test('a question is asked again until it is answered, and each failure is reported', async () => {
  const outages: (Outage | null)[] = [];
  let asked = 0;
  const answer = await patiently(
    async () => {
      if (asked++ < 2) throw new Error('Failed to describe', { cause: unavailable });
      return 'here';
    },
    { signal: new AbortController().signal, onOutage: (outage) => outages.push(outage) },
  );
  expect(answer).toBe('here');
  expect(outages.map((outage) => outage?.reason ?? null)).toEqual([
    '14 UNAVAILABLE: read ECONNRESET',
    '14 UNAVAILABLE: read ECONNRESET',
    null,
  ]);
});

test('waiting ends with the signal', async () => {
  const stopping = new AbortController();
  const asking = patiently(() => Promise.reject(unavailable), {
    signal: stopping.signal,
    onOutage: () => stopping.abort(),
  });
  await expect(asking).rejects.toMatchObject({ name: 'AbortError' });
});
