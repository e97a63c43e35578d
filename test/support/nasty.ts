/**
 * Characters that a text of others may contain: a new title, a cleared screen, colours, a turned line, hidden
 * characters, a forged line.
 */
export const NASTY =
  '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eabc\u2066\u2028\u2029\u0085\u00ad\u200b\ufeff\u061c\u{e0041}\u007f\r\b';

const ACTING =
  /(?!\n)[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** The characters of a text that act on a terminal or hide, each once, as code points. */
export function actingIn(text: string): string[] {
  return [...new Set(text.match(ACTING) ?? [])].map((found) => found.codePointAt(0)!.toString(16));
}
