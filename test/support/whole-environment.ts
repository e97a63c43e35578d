/** The environment of the tests, for a child, with the changes of `extra`; undefined removes a variable. */
export function wholeEnvironment(
  extra: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...process.env, ...extra }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
}
