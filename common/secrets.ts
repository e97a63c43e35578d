/** A password or key of the user, and what messages call it. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** Nothing tells a shorter one from other text. */
const SHORTEST = 6;
/** A shorter one may be a word, or a part of one: only where it stands alone is it taken for the secret. */
const UNMISTAKABLE = 12;

interface Known extends Secret {
  readonly pattern: RegExp;
}

/** Of this process, the longest first: a secret may be a part of another. */
let known: readonly Known[] = [];

/** From now on `withoutSecrets` leaves these out. An empty value is none. */
export function keepSecrets(secrets: readonly Secret[]): void {
  const added = secrets
    .map(({ name, value }) => ({ name, value: value.trim() }))
    .filter(({ value }) => value.length >= SHORTEST && known.every((one) => one.value !== value))
    .map((secret) => ({ ...secret, pattern: patternOf(secret.value) }));
  if (added.length > 0) known = [...known, ...added].toSorted((a, b) => b.value.length - a.value.length);
}

/**
 * A text of others (a server's answer, an error, a log) with the name of each known secret in its place: also where the secret is escaped
 * for a URL, for JSON or for HTML, or is a part of what base64 or hexadecimal digits encode. To be used before the text is cut.
 */
export function withoutSecrets(text: string): string {
  let told = text;
  for (const { name, pattern } of known) told = told.replace(pattern, `(${name} not shown)`);
  return told;
}

/** The name of a known secret that a text holds; null where it holds none, or a word that may be meant otherwise. */
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
 * The characters that base64 has for the bytes wherever they begin among others (`Basic` has a user name before the password): those that
 * depend on nothing but the bytes.
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

/** As of JSON in JSON in JSON. So many at most: a server's answer of nothing but backslashes would take the square of its length otherwise. */
const ESCAPES = '\\\\{1,32}';

/** A character as it is, percent-encoded, escaped for JSON, or for HTML. Letters and digits are escaped by no program. */
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

/** Hexadecimal digits, at least so many, in capitals or small letters. */
function anyCase(value: number, digits: number): string {
  const text = value.toString(16).padStart(digits, '0');
  return text.replaceAll(/[a-f]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
