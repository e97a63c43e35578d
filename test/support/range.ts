let full = false;

/**
 * Whether this file tries the full range of its cases. `NAME.night.test.ts` asks for it by `fullRange`, and imports `NAME.test.ts`,
 * which by itself tries what `npm test` has time for.
 */
export function isFullRange(): boolean {
  return full;
}

/** Makes the tests of a file with the full range of their cases. */
export async function fullRange(tests: () => Promise<unknown>): Promise<void> {
  full = true;
  await tests();
}

/** By day the first of these cases, by night all of them. */
export function firstByDay<Case>(cases: readonly Case[]): readonly Case[] {
  return full ? cases : cases.slice(0, 1);
}
