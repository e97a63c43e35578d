import { pathText, problem, quoted, type Problem } from './problems.js';

/**
 * The value of a JSON text and its repeated keys (JSON.parse silently keeps the last one), or the place where
 * the text stops being JSON.
 */
export type JsonText =
  | { readonly ok: true; readonly value: unknown; readonly repeatedKeys: readonly Problem[] }
  | { readonly ok: false; readonly problem: Problem };

/**
 * Parses JSON (RFC 8259). Its messages say where and why a text fails, in words that do not depend on the
 * version of Node: a scanner finds the first fault with its line and column (both 1-based; columns count
 * UTF-16 units, as editors do). The value itself comes from JSON.parse. The parser ignores a leading byte
 * order mark and accepts at most 100 levels of nesting. It never throws. `document` says what the text should
 * be.
 */
export function parseJsonText(
  text: string,
  document = 'an experiment in JSON: { "networks": …, "prompts": …, … }',
): JsonText {
  const json = text.startsWith('\ufeff') ? text.slice(1) : text;
  const scanner = new Scanner(json);
  try {
    scanner.document(document);
    return { ok: true, value: JSON.parse(json), repeatedKeys: scanner.repeatedKeys };
  } catch (error) {
    if (error instanceof SyntaxFault) {
      return { ok: false, problem: problem(positionText(json, error.offset), error.found, error.allowed) };
    }
    return { ok: false, problem: problem('', String(error), 'JSON') };
  }
}

class SyntaxFault extends Error {
  constructor(
    readonly offset: number,
    readonly found: string,
    readonly allowed: string,
  ) {
    super(found);
  }
}

function positionText(text: string, offset: number): string {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return `line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}

const DEEPEST_NESTING = 100;
const MOST_REPEATED_KEYS = 100;
const ANY_VALUE = 'a value: text in double quotes, a number, a list [ ], an object { }, true, false or null';
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[-+.$\w]+|[^]/uy;

class Scanner {
  readonly repeatedKeys: Problem[] = [];
  private at = 0;
  private readonly path: (string | number)[] = [];

  constructor(private readonly text: string) {}

  document(allowed: string): void {
    this.value(allowed);
    this.space();
    if (this.at < this.text.length) this.fail('nothing after the end of the JSON value');
  }

  private value(allowed: string): void {
    this.space();
    const first = this.text[this.at];
    if (first === '{') this.object();
    else if (first === '[') this.list();
    else if (first === '"') this.string();
    else if (first === '-' || (first !== undefined && first >= '0' && first <= '9')) this.number();
    else this.literal(allowed);
  }

  private object(): void {
    const offsetOfKey = new Map<string, number>();
    this.open();
    this.space();
    if (this.accept('}')) return;
    do {
      this.space();
      if (this.text[this.at] !== '"') {
        this.fail(offsetOfKey.size === 0 ? 'a key in double quotes, or "}"' : 'another key in double quotes');
      }
      const start = this.at;
      this.string();
      const key: unknown = JSON.parse(this.text.slice(start, this.at));
      this.path.push(String(key));
      this.noteKey(String(key), start, offsetOfKey);
      this.space();
      if (!this.accept(':')) this.fail('":" after the key');
      this.value(ANY_VALUE);
      this.path.pop();
      this.space();
    } while (this.accept(','));
    if (!this.accept('}')) this.fail('"," or "}"');
  }

  private list(): void {
    let index = 0;
    this.open();
    this.space();
    if (this.accept(']')) return;
    do {
      this.path.push(index++);
      this.value(ANY_VALUE);
      this.path.pop();
      this.space();
    } while (this.accept(','));
    if (!this.accept(']')) this.fail('"," or "]"');
  }

  private string(): void {
    const start = this.at++;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code) || code === 0x0a || code === 0x0d) {
        const end = Number.isNaN(code) ? 'the end of the file' : 'a line break';
        const from = positionText(this.text, start);
        throw new SyntaxFault(
          this.at,
          `${end} in the text that starts at ${from}`,
          'a closing double quote before it (a line break in a text is \\n)',
        );
      }
      if (code < 0x20) this.fail('control characters only as escapes, such as \\t or \\u0000');
      if (code === 0x5c) this.escape();
      else if (code === 0x22) break;
      else this.at++;
    }
    this.at++;
  }

  private escape(): void {
    const next = this.text[this.at + 1] ?? '';
    const escaped = this.text.slice(this.at, this.at + 6);
    if (next === 'u' && /^\\u[\da-fA-F]{4}$/.test(escaped)) this.at += 6;
    else if (next !== '' && '"\\/bfnrt'.includes(next)) this.at += 2;
    else {
      const found = next === 'u' ? escaped : `\\${next}`;
      throw new SyntaxFault(
        this.at,
        `the escape ${quoted(found).replaceAll('\\\\', '\\')}`,
        '\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hex digits',
      );
    }
  }

  private number(): void {
    NUMBER.lastIndex = this.at;
    const length = NUMBER.exec(this.text)?.[0].length ?? 0;
    const word = this.word();
    if (length === 0 || word.length > length) this.fail('a number such as 10, -1 or 0.5');
    this.at += length;
  }

  private literal(allowed: string): void {
    const word = this.word();
    if (word !== 'true' && word !== 'false' && word !== 'null') this.fail(allowed);
    this.at += word.length;
  }

  private open(): void {
    if (this.path.length >= DEEPEST_NESTING) this.fail(`at most ${DEEPEST_NESTING} levels of nesting`);
    this.at++;
  }

  private accept(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private space(): void {
    while (' \t\n\r'.includes(this.text[this.at] ?? 'x')) this.at++;
  }

  private word(): string {
    WORD.lastIndex = this.at;
    return WORD.exec(this.text)?.[0] ?? '';
  }

  private noteKey(key: string, offset: number, offsetOfKey: Map<string, number>): void {
    const earlier = offsetOfKey.get(key);
    if (earlier === undefined) offsetOfKey.set(key, offset);
    else if (this.repeatedKeys.length < MOST_REPEATED_KEYS) {
      const first = positionText(this.text, earlier);
      const found = `the key ${quoted(key)} again at ${positionText(this.text, offset)} (first at ${first})`;
      this.repeatedKeys.push(problem(pathText(this.path), found, 'each key once'));
    }
  }

  private fail(allowed: string): never {
    const word = this.word();
    if (word === '') {
      throw new SyntaxFault(
        this.at,
        this.text.trim() === '' ? 'an empty file' : 'the end of the file',
        allowed,
      );
    }
    const after = this.text.slice(0, this.at).trimEnd().endsWith(',') ? ' after a comma' : '';
    throw new SyntaxFault(
      this.at,
      `${quoted(word)}${after}${hint(this.text.slice(this.at, this.at + 2), word)}`,
      allowed,
    );
  }
}

function hint(start: string, word: string): string {
  if (start === '//' || start === '/*' || start.startsWith('#')) return ' (JSON has no comments)';
  if (word === "'") return ' (JSON quotes with ")';
  if (['NaN', 'Infinity', '-Infinity', 'None', 'undefined', 'True', 'False'].includes(word))
    return ' (not a JSON value)';
  return '';
}
