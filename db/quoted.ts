/**
 * Words of the code itself, such as statuses, as a list of SQL: `'pending', 'running'`. Do not use it for a
 * user's text.
 */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(', ');
}
