import { withoutSecrets } from './secrets.js';

/**
 * What text may enter the store, and in which form. Prompts, captions, names and messages all follow this one definition: SQLite
 * would take half of a surrogate pair as bytes that are no UTF-8, Postgres refuses U+0000, and a caption that shows nothing
 * is none.
 */

/** The half of a surrogate pair without the other: UTF-8 has no bytes for it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Characters that show nothing by themselves, by properties of the Unicode standard: white space, controls, format characters
 * (zero-width space, byte order mark), default ignorables (variation selectors, Hangul fillers), marks without a letter,
 * code points that are no characters; and two that are symbols by their properties and empty by their design: U+2800, the Braille
 * pattern without dots, and U+1D159, the null notehead of music.
 */
const INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{M}\p{Noncharacter_Code_Point}\u2800\u{1d159}]*$/u;

/** A run of Unicode's white space: `White_Space` of PropList.txt. */
const WHITE_SPACE = /\p{White_Space}+/gu;

/** True for a text without a visible character. */
export function isBlank(text: string): boolean {
  return INVISIBLE.test(text);
}

/** False for a text with half of a surrogate pair. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** What keeps a text out of the store; null for one that may enter. */
export type TextFault = 'NUL' | 'lone surrogate' | 'blank';

export function textFault(text: string): TextFault | null {
  if (text.includes('\0')) return 'NUL';
  if (!isWellFormed(text)) return 'lone surrogate';
  return isBlank(text) ? 'blank' : null;
}

const FAULTS: Readonly<Record<TextFault, string>> = {
  NUL: 'it contains U+0000',
  'lone surrogate': 'it contains half of a surrogate pair, which is no character',
  blank: 'it is blank: it has no visible character',
};

/** A fault as the end of a sentence about the text. */
export function unfitText(fault: TextFault): string {
  return FAULTS[fault];
}

/** A text on one line: each run of white space that is more than spaces becomes one space, and both ends are trimmed. */
export function onOneLine(text: string): string {
  const folded = text.replaceAll(WHITE_SPACE, (run) => (/[^ ]/.test(run) ? ' ' : run));
  let [start, end] = [0, folded.length];
  while (folded[start] === ' ') start++;
  while (end > start && folded[end - 1] === ' ') end--;
  return folded.slice(start, end);
}

/**
 * A message as every database can store it: halves of surrogate pairs become U+FFFD, U+0000 is spelled out, and known secrets are left
 * out. For what libraries and servers say; data are refused instead (`textFault`).
 */
export function storableMessage(text: string): string {
  return withoutSecrets(text).toWellFormed().replaceAll('\0', '\\u0000');
}

/** Longer clusters than that are cut: more marks on a letter than any language has. */
const LONGEST_CLUSTER = 64;
let segmenter: Intl.Segmenter | undefined;

/**
 * At most `most` UTF-16 units of a text, cut before the character (grapheme cluster, UAX 29) that does not fit whole, with `…`
 * in the last place. The result is well-formed. Known secrets are left out before the cut, which would leave a part of one.
 */
export function excerptOf(whole: string, most: number): string {
  const text = withoutSecrets(whole);
  if (text.length <= most) return text.toWellFormed();
  return `${text.slice(0, boundaryBefore(text, Math.max(0, most - 1)))}…`.toWellFormed();
}

/** The last place up to `limit` where a text may be cut. */
function boundaryBefore(text: string, limit: number): number {
  if (limit === 0) return 0;
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  const start = segmenter.segment(text.slice(0, limit + LONGEST_CLUSTER)).containing(limit)?.index ?? 0;
  if (start > 0) return start;
  // One cluster is longer than all that fits: between its code points then.
  return /[\ud800-\udbff]/.test(text[limit - 1]!) && /[\udc00-\udfff]/.test(text[limit]!) ? limit - 1 : limit;
}
