import { isWellFormed } from './text.js';

/**
 * Every file system that this program meets allows names of 255 bytes; the rest is left for the endings of
 * temporary names.
 */
const LONGEST_NAME_BYTES = 240;
const LONGEST_PATH_BYTES = 1024;
const MOST_NAMES = 32;

/**
 * Characters that show nothing, or that change how other characters look: controls (C0, C1), line and
 * paragraph separators, format characters (zero-width ones, bidi marks, overrides and isolates), default
 * ignorables, code points that are no characters.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;
/** Spaces that look like the plain space, or like nothing. */
const ODD_SPACE = /(?! )\p{White_Space}/u;

/**
 * Why a text from outside (a catalogue, a lock file) is refused as the path of a file below some folder, as
 * the end of a sentence that begins with its name; null if it is accepted. `/` separates names on every
 * system. `contained.ts` checks that no link leads out of the folder.
 */
export function relativePathProblem(path: string): string | null {
  if (path === '') return 'is empty';
  if (!isWellFormed(path)) return 'has half of a surrogate pair, which is no character';
  const hidden = HIDDEN.exec(path) ?? ODD_SPACE.exec(path);
  if (hidden !== null) return `has the hidden character ${codePoint(hidden[0])}`;
  if (path.includes('\\')) return 'has a backslash; names are separated by "/"';
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return 'is absolute';
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES) return `is longer than ${LONGEST_PATH_BYTES} bytes`;
  const names = path.split('/');
  if (names.length > MOST_NAMES) return `lies more than ${MOST_NAMES} folders deep`;
  for (const name of names) {
    if (name === '') return 'has an empty name between two "/" or at its end';
    if (name === '.' || name === '..') return `has the name "${name}", which leads elsewhere`;
    if (name !== name.trim()) return 'has a name that begins or ends with a space';
    if (Buffer.byteLength(name) > LONGEST_NAME_BYTES)
      return `has a name of more than ${LONGEST_NAME_BYTES} bytes`;
  }
  return null;
}

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * The first path that some file system takes for an earlier one, together with that earlier one. Such paths
 * differ only by case or by Unicode normalisation (macOS and Windows), or one is a folder of the other. Null
 * if all paths are distinct everywhere.
 */
export function collidingPaths(
  paths: readonly string[],
): { readonly index: number; readonly other: string } | null {
  const files = new Map<string, string>();
  const folders = new Map<string, string>();
  for (const [index, path] of paths.entries()) {
    const folded = foldedPath(path);
    const above = foldersOf(folded);
    const other =
      files.get(folded) ??
      folders.get(folded) ??
      above.map((folder) => files.get(folder)).find((file) => file !== undefined);
    if (other !== undefined) return { index, other };
    files.set(folded, path);
    for (const folder of above) folders.set(folder, path);
  }
  return null;
}

/** A form that is equal for names that some file system takes for one. */
export function foldedPath(path: string): string {
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

function foldersOf(path: string): string[] {
  const names = path.split('/');
  return names.slice(1).map((_, depth) => names.slice(0, depth + 1).join('/'));
}
