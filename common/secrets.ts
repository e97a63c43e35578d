/** A password or key of the user, and the name that messages give it. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** A shorter value cannot be told from other text. */
const SHORTEST = 6;
/** A shorter value may be a word, or a part of one. It counts as the secret only where it stands alone. */
const UNMISTAKABLE = 12;

interface Known extends Secret {
  readonly pattern: RegExp;
}

/** The secrets of this process, the longest first: a secret may be a part of another. */
let known: readonly Known[] = [];

/** From now on `withoutSecrets` removes these values. An empty value is no secret. */
export function keepSecrets(secrets: readonly Secret[]): void {
  const added = secrets
    .map(({ name, value }) => ({ name, value: value.trim() }))
    .filter(({ value }) => value.length >= SHORTEST && known.every((one) => one.value !== value))
    .map((secret) => ({ ...secret, pattern: patternOf(secret.value) }));
  if (added.length > 0) known = [...known, ...added].toSorted((a, b) => b.value.length - a.value.length);
}

/**
 * Replaces each known secret by its name in a text from outside (a server's answer, an error, a log). It also
 * finds a secret that is escaped for a URL, for JSON or for HTML, or that is a part of what base64 or
 * hexadecimal digits encode. Call it before the text is cut.
 */
export function withoutSecrets(text: string): string {
  let told = text;
  for (const { name, pattern } of known) told = told.replace(pattern, `(${name} not shown)`);
  return told;
}

/**
 * The name of a known secret in a text; null if the text has none, or has a word that may mean something
 * else.
 */
export function secretIn(text: string): string | null {
  const held = known.find(({ value, pattern }) => value.length >= UNMISTAKABLE && text.search(pattern) >= 0);
  return held?.name ?? null;
}

function patternOf(value: string): RegExp {
  const bytes = Buffer.from(value);
  const plain =
    value.length < UNMISTAKABLE ? `(?<![\\w./-])${escapable(value)}(?![\\w./-]|:\\/\\/)` : escapable(value);
  const encoded = [...base64Forms(bytes), bytes.toString('hex'), bytes.toString('hex').toUpperCase()];
  return new RegExp([plain, ...[...new Set(encoded)].map(escapable)].join('|'), 'gu');
}

/**
 * The base64 characters of these bytes at each position among other bytes (`Basic` has a user name before the
 * password): only the characters that depend on nothing but these bytes.
 */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const whole = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [whole, whole.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function escapable(text: string): string {
  return Array.from(text, characterPattern).join('');
}

const HTML_NAMES: Readonly<Record<string, string>> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": 'apos',
};

/**
 * Backslashes of JSON within JSON within JSON. The limit is needed: a server's answer of nothing but
 * backslashes would otherwise take a time that grows with the square of its length.
 */
const ESCAPES = '\\\\{1,32}';

/**
 * A pattern for a character as it is, percent-encoded, or escaped for JSON or HTML. No program escapes
 * letters and digits.
 */
function characterPattern(character: string): string {
  if (/^[A-Za-z0-9]$/.test(character)) return character;
  const code = character.codePointAt(0)!;
  const percent = [...Buffer.from(character)].map((byte) => `%(?:25)*${anyCase(byte, 2)}`).join('');
  const units = character.split('').map((unit) => `${ESCAPES}u${anyCase(unit.charCodeAt(0), 4)}`);
  const html = [`#0*${code}`, `#[xX]0*${anyCase(code, 1)}`, HTML_NAMES[character] ?? []].flat();
  const forms = [literal(character), percent, units.join(''), `&(?:amp;)*(?:${html.join('|')});`];
  return `(?:${forms.join('|')})`;
}

function literal(character: string): string {
  switch (character) {
    case '\\':
      return ESCAPES;
    case '"':
    case '/':
      return `(?:${ESCAPES})?${character === '/' ? '\\/' : character}`;
    case ' ':
      return '[ +]';
    case '\n':
      return `(?:\\n|${ESCAPES}n)`;
    default:
      return character.replace(/[$()*+.?[\]^{|}]/, '\\$&');
  }
}

/** A value in hexadecimal digits, at least this many, in capitals or small letters. */
function anyCase(value: number, digits: number): string {
  const text = value.toString(16).padStart(digits, '0');
  return text.replaceAll(/[a-f]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
