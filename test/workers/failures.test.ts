import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { bookkeepingFailure, runFailure } from '../../activities/failures.js';
import type { RunRow, Store } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { config, NOW, temporaryStore } from '../support/small-experiment.js';

let temporary: ReturnType<typeof temporaryStore>;
let run: RunRow;

beforeEach(async () => {
  temporary = temporaryStore();
  const { store } = temporary;
  await store.experiments.plan('experiment', config, NOW);
  run = await store.runs.get('experiment', 0);
});

afterEach(() => temporary.remove());

/**
 * The failure that Temporal gets for an attempt, the `attempt`-th of its activity, that fails with `error` at
 * step `sequence`.
 */
function told(
  error: unknown,
  given: { readonly attempt?: number; readonly sequence?: number; readonly store?: Store } = {},
): Promise<Error> {
  const { attempt = 1, sequence = 3, store = temporary.store } = given;
  return attempted(attempt, () => runFailure(store, run, { stage: 'invocation', sequence }, error, NOW));
}

function attempted(attempt: number, failing: () => Promise<Error>): Promise<Error> {
  return new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') }).run(failing);
}

const deviceError = new PanicError('DeviceError', 'the device is gone');

describe('the pause after a failed attempt', () => {
  test('doubles with the failures of the same step, up to 30 s, and the 150th is the last', async () => {
    for (const pause of [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]) {
      expect(await told(deviceError)).toMatchObject({ nextRetryDelay: pause, nonRetryable: false });
    }
    expect(await told(deviceError, { sequence: 4 })).toMatchObject({ nextRetryDelay: 200 });
    for (let failures = 11; failures <= 149; failures++) {
      expect(await told(deviceError)).toMatchObject({ nonRetryable: false });
    }
    expect(await told(deviceError)).toMatchObject({ type: 'DeviceError', nonRetryable: true });
  });

  test('does not grow with attempts that were interrupted', async () => {
    expect(await told(deviceError, { attempt: 40 })).toMatchObject({
      nextRetryDelay: 200,
      nonRetryable: false,
    });
  });

  test('follows the attempts if no failures can be counted', async () => {
    const away = new PanicError('StoreUnavailable', 'no server answers');
    const { store } = temporary;
    const unreachable = { ...store, runs: { ...store.runs, logFailure: () => Promise.reject(away) } };
    for (const [attempt, pause] of [
      [3, 800],
      [149, 30_000],
    ] as const) {
      expect(await told(away, { attempt, store: unreachable })).toMatchObject({
        nextRetryDelay: pause,
        nonRetryable: false,
      });
    }
    expect(await told(away, { attempt: 150, store: unreachable })).toMatchObject({
      type: 'StoreUnavailable',
      nonRetryable: true,
    });
    expect(await attempted(4, () => Promise.resolve(bookkeepingFailure(away)))).toMatchObject({
      nextRetryDelay: 1600,
      nonRetryable: false,
    });
  });
});

test('a model that answers the same step three times with invalid data ends its run', async () => {
  const blank = new PanicError('ModelOutputInvalid', 'a blank caption');
  expect(await told(blank)).toMatchObject({ nonRetryable: false });
  expect(await told(blank)).toMatchObject({ nonRetryable: false });
  expect(await told(blank, { sequence: 4 })).toMatchObject({ nonRetryable: false });
  expect(await told(blank)).toMatchObject({ type: 'ModelOutputInvalid', nonRetryable: true });
});
