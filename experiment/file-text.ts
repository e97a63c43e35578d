import { problem, type Problem } from './problems.js';

/** The text of a file in UTF-8, without its byte order mark, or what else the bytes are. */
export function decodedText(bytes: Uint8Array): string | Problem {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    return problem('', isUtf16 ? 'text in UTF-16' : 'bytes that are not UTF-8', 'JSON saved as UTF-8');
  }
}
