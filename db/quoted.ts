/** Words that the code itself names, such as statuses, as a list of SQL: `'pending', 'running'`. Not for what a user wrote. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(', ');
}
