import type { Command } from 'commander';
import { isUtf8 } from 'node:buffer';
import { readFileSync, readlinkSync } from 'node:fs';
import { errorMessage, PanicError } from '../../common/errors.js';

/** Replaces bytes that Node could not decode. A user may also type this character itself. */
const REPLACEMENT = '\uFFFD';

/** Variables of ours and of our libraries whose values are paths, addresses or names. */
const OURS = /^(PANIC_TDA_|TEMPORAL_|HF_|AWS_|PG|XDG_CACHE_HOME=|HOME=)/;

/**
 * Refuses input that would not arrive as the user gave it, before a command begins: a current folder that was
 * deleted; a current folder, arguments or variables whose bytes are not UTF-8, since Node keeps only
 * replacement characters of these; and empty words, which an unset variable of a script leaves.
 * @throws PanicError `InvalidInput`.
 */
export function refuseUnusableArguments(command: Command): void {
  refuseUnusableFolder();
  refuseUndecodable();
  refuseEmpty(command);
}

function refuseUnusableFolder(): void {
  let folder: string;
  try {
    folder = process.cwd();
  } catch (error) {
    throw new PanicError(
      'InvalidInput',
      `the current folder is not there any more, or may not be looked at (${errorMessage(error)}); change to another folder (cd)`,
      { cause: error },
    );
  }
  if (!folder.includes(REPLACEMENT)) return;
  const bytes = bytesOf(() => readlinkSync('/proc/self/cwd', { encoding: 'buffer' }));
  if (bytes !== null && isUtf8(bytes)) return;
  throw new PanicError(
    'InvalidInput',
    `the path of the current folder holds bytes that are no UTF-8 (${shown(bytes, folder)}); change to another folder (cd)`,
  );
}

function refuseUndecodable(): void {
  const words = process.argv.slice(2);
  if (words.some((word) => word.includes(REPLACEMENT))) {
    const given = split(bytesOf(() => readFileSync('/proc/self/cmdline')))?.slice(-words.length) ?? null;
    const wrong = words.findIndex(
      (word, k) => word.includes(REPLACEMENT) && !(given !== null && isUtf8(given[k] ?? Buffer.alloc(0))),
    );
    if (wrong >= 0) {
      throw new PanicError(
        'InvalidInput',
        `the argument ${shown(given?.[wrong] ?? null, words[wrong] ?? '')} holds bytes that are no UTF-8; rename what it names, or name it by another way`,
      );
    }
  }
  for (const variable of split(bytesOf(() => readFileSync('/proc/self/environ'))) ?? []) {
    if (isUtf8(variable) || !OURS.test(variable.toString('latin1'))) continue;
    // Do not print the value: it may be a secret.
    const name = variable.toString('latin1').split('=')[0];
    throw new PanicError('InvalidInput', `the variable ${name} holds bytes that are no UTF-8`);
  }
}

function refuseEmpty(command: Command): void {
  for (const [index, word] of command.args.entries()) {
    if (word.trim() !== '') continue;
    const name = command.registeredArguments[index]?.name() ?? 'argument';
    throw new PanicError('InvalidInput', `<${name}> is empty: "${word}"`);
  }
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const option of at.options) {
      const value: unknown = at.getOptionValue(option.attributeName());
      if (typeof value !== 'string' || value.trim() !== '') continue;
      throw new PanicError('InvalidInput', `${option.long ?? option.flags} is empty: "${value}"`);
    }
  }
}

/** Null if the system does not tell: it is not Linux, or has no /proc. */
function bytesOf(read: () => Buffer): Buffer | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Splits a list of words that each end with a zero byte. */
function split(bytes: Buffer | null): Buffer[] | null {
  if (bytes === null) return null;
  const words: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(0, from);
    const end = found < 0 ? bytes.length : found;
    words.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return words;
}

/** In the form that a shell takes between `$'` and `'`. */
function shown(bytes: Buffer | null, decoded: string): string {
  if (bytes === null) return `"${decoded}"`;
  const escaped = [...bytes].map((byte) =>
    byte < 0x20 || byte > 0x7e ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte),
  );
  return `$'${escaped.join('')}'`;
}
