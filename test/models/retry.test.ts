import { expect, test } from '@jest/globals';
import { isBusyStatus, retryAfterMs } from '../../models/retry.js';

test('every fault of a server is retried, even under a number that HTTP does not have, and so are "too many requests" and "too early"', () => {
  for (const status of [408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 522, 529, 530, 599]) {
    expect([status, isBusyStatus(status)]).toEqual([status, true]);
  }
  for (const status of [200, 301, 400, 401, 403, 404, 405, 413, 422, 600]) {
    expect([status, isBusyStatus(status)]).toEqual([status, false]);
  }
});

test('a server asks for a pause in seconds or by a date', () => {
  const now = Date.UTC(2026, 10, 29, 8, 0, 0);
  const after = (header: string | null | undefined) => retryAfterMs(header, now);
  expect(after('0')).toBe(0);
  expect(after('120')).toBe(120_000);
  expect(after('0.5')).toBe(500);
  expect(after(' 7 ')).toBe(7000);
  expect(after('Sun, 29 Nov 2026 08:00:09 GMT')).toBe(9000);
  expect(after('Sunday, 29-Nov-26 08:00:09 GMT')).toBe(9000);
  expect(after('Sun Nov 29 08:00:09 2026')).toBe(9000);
  expect(after('Sun, 29 Nov 2026 07:00:00 GMT')).toBe(0);
  for (const nothing of [null, undefined, '', 'soon', '-1', '1e3', '2026-11-29', 'Infinity']) {
    expect(after(nothing)).toBeNull();
  }
});
