import { describe, expect, test } from '@jest/globals';
import {
  COMPLETE_EXPERIMENT_STATUSES,
  completeStatus,
  isExperimentStatus,
  OPEN_EXPERIMENT_STATUSES,
} from '../../experiment/experiment-status.js';
import {
  ENDED_RUN_STATUSES,
  endedCount,
  INCOMPLETE_RUN_STATUSES,
  isFurther,
  isRunStatus,
  noRuns,
  RUN_STATUSES,
  totalRuns,
  UNDER_WAY_RUN_STATUSES,
  UNFINISHED_RUN_STATUSES,
  unfinishedCount,
} from '../../experiment/run-status.js';

describe('the statuses of a run', () => {
  test('are unfinished or ended', () => {
    expect(UNFINISHED_RUN_STATUSES).toEqual(['pending', 'running', 'cancelled']);
    expect(ENDED_RUN_STATUSES).toEqual(['finished', 'failed']);
  });

  test('say which runs a drive still has before it, and which have begun and are incomplete', () => {
    expect(UNDER_WAY_RUN_STATUSES).toEqual(['pending', 'running']);
    expect(INCOMPLETE_RUN_STATUSES).toEqual(['running', 'failed', 'cancelled']);
  });

  test('are ranked by how much is known of the run: a text that is no status knows least', () => {
    const ranked = ['pending', 'running', 'cancelled', 'failed', 'finished'];
    expect(RUN_STATUSES.toSorted((a, b) => (isFurther(a, b) ? 1 : -1))).toEqual(ranked);
    expect(isFurther('running', 'no such status')).toBe(true);
    expect(isFurther('no such status', 'running')).toBe(false);
    expect(isRunStatus('no such status')).toBe(false);
  });

  test('are counted, each run once', () => {
    const runs = { ...noRuns(), pending: 1, running: 2, finished: 4, failed: 8, cancelled: 16 };
    expect([unfinishedCount(runs), endedCount(runs), totalRuns(runs)]).toEqual([19, 12, 31]);
  });
});

test('an experiment is open, complete or cut off', () => {
  expect(OPEN_EXPERIMENT_STATUSES).toEqual(['planned', 'running']);
  expect(COMPLETE_EXPERIMENT_STATUSES).toEqual(['completed', 'completed_with_failures']);
  expect([completeStatus(true), completeStatus(false)]).toEqual(COMPLETE_EXPERIMENT_STATUSES);
  expect(isExperimentStatus('cancelled')).toBe(true);
  expect(isExperimentStatus('paused')).toBe(false);
});
