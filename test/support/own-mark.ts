/**
 * The mark by which the environment of tests (environment.mjs) finds the processes of a test file, for a
 * child that inherits no other variable.
 */
export function ownMark(): Readonly<Record<string, string>> {
  return { SUITE_MARK: process.env['SUITE_MARK'] ?? '' };
}
