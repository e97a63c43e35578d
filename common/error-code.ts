/**
 * The `code` of a system or SQLite error. The function looks at the error's shape and not at its class: an
 * error may come from another realm (a test's, a native module's), where `instanceof` is false.
 */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
