import { errorCode } from './error-code.js';
import { errorMessage } from './errors.js';
import { problem, type Problem } from './problems.js';

/**
 * The text of a file in UTF-8 without its byte order mark, or a problem that says what the bytes are instead.
 */
export function decodedText(bytes: Uint8Array): string | Problem {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    return problem('', isUtf16 ? 'text in UTF-16' : 'bytes that are not UTF-8', 'JSON saved as UTF-8');
  }
}

const FOUND_BY_CODE: Readonly<Record<string, string>> = {
  ENOENT: 'no file of that name',
  ENOTDIR: 'no file of that name (a part of the path is not a folder)',
  EISDIR: 'a folder',
  EACCES: 'a file that this user may not read',
  EPERM: 'a file that this user may not read',
};

/** A problem that says why the process cannot read a file. */
export function unreadableFile(error: unknown, allowed: string): Problem {
  const found =
    FOUND_BY_CODE[errorCode(error) ?? ''] ?? `a file that cannot be read (${errorMessage(error)})`;
  return problem('', found, allowed);
}
