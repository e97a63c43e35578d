import { withoutSecrets } from './secrets.js';

/**
 * Which text may enter the store, and in which form. Prompts, captions, names and messages all follow this
 * one definition. The reasons: SQLite would store half of a surrogate pair as bytes that are not UTF-8,
 * Postgres refuses U+0000, and a caption that shows nothing is no caption.
 */

/** One half of a surrogate pair without the other: UTF-8 has no bytes for it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Characters that show nothing by themselves, by properties of the Unicode standard: white space, controls,
 * format characters (zero-width space, byte order mark), default ignorables (variation selectors, Hangul
 * fillers), marks without a letter, and code points that are no characters. Two more are symbols by their
 * properties and empty by their design: U+2800, the Braille pattern without dots, and U+1D159, the null
 * notehead of music.
 */
const INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{M}\p{Noncharacter_Code_Point}\u2800\u{1d159}]*$/u;

/** One or more characters of Unicode's white space: `White_Space` of PropList.txt. */
const WHITE_SPACE = /\p{White_Space}+/gu;

/** True for a text without a visible character. */
export function isBlank(text: string): boolean {
  return INVISIBLE.test(text);
}

/** False for a text with half of a surrogate pair. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** The fault that keeps a text out of the store. */
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

/** The words for a fault, as the end of a sentence about the text. */
export function unfitText(fault: TextFault): string {
  return FAULTS[fault];
}

/**
 * A text on one line: each stretch of white space other than plain spaces becomes one space, and both ends
 * are trimmed.
 */
export function onOneLine(text: string): string {
  const folded = text.replaceAll(WHITE_SPACE, (run) => (/[^ ]/.test(run) ? ' ' : run));
  let [start, end] = [0, folded.length];
  while (folded[start] === ' ') start++;
  while (end > start && folded[end - 1] === ' ') end--;
  return folded.slice(start, end);
}

/**
 * A message in a form that every database can store: halves of surrogate pairs become U+FFFD, U+0000 is
 * spelled out, and known secrets are removed. Use it for the words of libraries and servers. Data with such
 * characters are refused instead (`textFault`).
 */
export function storableMessage(text: string): string {
  return withoutSecrets(text).toWellFormed().replaceAll('\0', '\\u0000');
}

/**
 * Characters that control a terminal, reverse the text around them, or hide: controls (C0, DEL, C1),
 * separators of lines and paragraphs, format characters (marks of direction, zero-width characters, tags),
 * fillers, anchors of annotations, and halves of surrogate pairs.
 */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;
const PLAIN = /^[\n\x20-\x7e]*$/;

/** Letters whose forms change beside a joiner. Scripts whose letters stand alone have none. */
const JOINING = String.raw`(?:(?![\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Inherited}])[\p{L}\p{M}])`;
const ENDS_WITH_LETTER = new RegExp(`${JOINING}$`, 'u');
const BEGINS_WITH_LETTER = new RegExp(`^${JOINING}`, 'u');
const ENDS_WITH_EMOJI = /[\p{Extended_Pictographic}\p{Emoji_Modifier}]\ufe0f?$/u;
const BEGINS_WITH_EMOJI = /^\p{Extended_Pictographic}/u;
const ENDS_WITH_HAN = /\p{Script=Han}$/u;
const TAKES_VARIATION = /[\p{L}\p{N}\p{S}\p{P}]$/u;

/**
 * A text in which every character can be seen, for terminals, logs and Temporal's own displays. Characters of
 * `UNSEEN` are spelled as in JSON, `\u001b`, so that a JSON document stays the same document. Line breaks
 * stay. Joiners and variation selectors that shape the character before them stay too. A text that is already
 * visible comes back unchanged.
 */
export function visible(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll(UNSEEN, (found, at: number) =>
    found === '\n' || shapes(found, text, at) ? found : spelled(found),
  );
}

/** A visible text on one line: line breaks are spelled too. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll('\n', String.raw`\u000a`);
}

function spelled(character: string): string {
  return Array.from(
    { length: character.length },
    (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`,
  ).join('');
}

/** Whether a joiner or a variation selector belongs to the characters beside it. */
function shapes(character: string, text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 3), at);
  const after = text.slice(at + character.length, at + character.length + 2);
  const code = character.codePointAt(0)!;
  if (code === 0x200d && ENDS_WITH_EMOJI.test(before) && BEGINS_WITH_EMOJI.test(after)) return true;
  if (code === 0x200c || code === 0x200d)
    return ENDS_WITH_LETTER.test(before) && BEGINS_WITH_LETTER.test(after);
  if (code >= 0xfe00 && code <= 0xfe0f) return TAKES_VARIATION.test(before);
  return code >= 0xe0100 && code <= 0xe01ef && ENDS_WITH_HAN.test(before);
}

/** A longer cluster is cut: no language puts so many marks on a letter. */
const LONGEST_CLUSTER = 64;
let segmenter: Intl.Segmenter | undefined;

/**
 * At most `most` UTF-16 units of a text. The cut comes before the first character (grapheme cluster, UAX 29)
 * that does not fit whole, and `…` takes the last place. The result is well-formed. Known secrets are removed
 * before the cut, because the cut would leave a part of one.
 */
export function excerptOf(whole: string, most: number): string {
  const text = withoutSecrets(whole);
  if (text.length <= most) return text.toWellFormed();
  return `${text.slice(0, boundaryBefore(text, Math.max(0, most - 1)))}…`.toWellFormed();
}

/** The last place up to `limit` at which a text may be cut. */
function boundaryBefore(text: string, limit: number): number {
  if (limit === 0) return 0;
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  const start = segmenter.segment(text.slice(0, limit + LONGEST_CLUSTER)).containing(limit)?.index ?? 0;
  if (start > 0) return start;
  // One cluster alone exceeds the limit: cut between its code points.
  return /[\ud800-\udbff]/.test(text[limit - 1]!) && /[\udc00-\udfff]/.test(text[limit]!) ? limit - 1 : limit;
}
