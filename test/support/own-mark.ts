/** The variable by which what a test file starts is found, for an environment that takes over nothing else (environment.mjs). */
export function ownMark(): Readonly<Record<string, string>> {
  return { SUITE_MARK: process.env['SUITE_MARK'] ?? '' };
}
